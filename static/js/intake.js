/** Zips, stacks and folders that the worker takes in: followed until they end, without a reload of the page. */

import { followJob, refresh } from "./follow-job.js";

const SELECTOR = "#intake";
const PAUSE_MS = 1500;
const followed = new Map();

/** Follow every open intake of the page; `onStep` is called as photos come in. */
export function followIntakes(onStep) {
  for (const row of document.querySelectorAll(`${SELECTOR} [data-open-job]`)) {
    void followIntake({ id: Number(row.dataset.openJob), status: row.dataset.status }, onStep);
  }
}

/** Show a new intake and follow it; resolves with the job when it has ended. One job is followed once. */
export function followIntake(job, onStep) {
  const running = followed.get(job.id) ?? follow(job, onStep);
  followed.set(job.id, running);
  return running;
}

async function follow(first, onStep) {
  let done = -1;
  let shownAt = -PAUSE_MS;
  const job = await followJob(first, (step) => {
    if (step.done === done || performance.now() - shownAt < PAUSE_MS) return;
    done = step.done;
    shownAt = performance.now();
    onStep();
    void show();
  });
  onStep();
  await show();
  return job;
}

/** Put in what the server says now; a page that cannot be loaded keeps what is shown until the next step. */
async function show() {
  try {
    await refresh(SELECTOR);
  } catch {
    // Said again at the next step, and when the page is opened again.
  }
}
