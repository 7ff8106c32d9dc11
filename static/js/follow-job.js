/** Follow a background job by polling; hints over the socket only make it faster. */

import { callApi } from "./http.js";
import { gettext } from "./words.js";

const POLL_MS = 700;

/** Say whether a job is still to come or under way. */
export function isOpen(job) {
  return job.status === "pending" || job.status === "running" || job.status === "paused";
}

/** Call `onStep(job)` until the job is closed, and return it. A poll that fails is tried again a few times. */
export async function followJob(first, onStep) {
  let job = first;
  let failures = 0;
  while (isOpen(job)) {
    onStep(job);
    await new Promise((done) => setTimeout(done, POLL_MS));
    try {
      job = await callApi(`/api/v1/jobs/${job.id}`);
      failures = 0;
    } catch (error) {
      failures += 1;
      if (failures > 5 || error.status === 404) throw error;
    }
  }
  return job;
}

/** Return a whole number as people read it. */
export function count(number) {
  return Number(number).toLocaleString("en-US");
}

/** Replace a part of the page by what the server would show there now. */
export async function refresh(selector) {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(gettext("The page cannot be loaded again. Reload it."));
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.querySelector(selector).replaceWith(page.querySelector(selector));
}
