/** Jobs of the automatic page: live progress, pause, resume, cancel, trying failed images again. */

import { callApi } from "./http.js";
import { listenToProject } from "./live.js";

const POLL_MS = 3000;
const ACTIONS = { pending: ["pause", "cancel"], running: ["pause", "cancel"], paused: ["resume", "cancel"], failed: ["resume"] };
const WORDS = { pending: "Waiting", running: "Running", paused: "Paused", done: "Done", failed: "Failed", cancelled: "Cancelled" };

const table = document.querySelector("[data-jobs]");
const rows = table ? [...table.querySelectorAll("[data-job]")] : [];

function show(row, job) {
  row.dataset.status = job.status;
  row.querySelector("[data-status-word]").textContent = WORDS[job.status] ?? job.status;
  row.querySelector("[data-error]").textContent = job.error ? ` ${job.error}` : "";
  const bar = row.querySelector("progress");
  bar.max = Math.max(job.total, 1);
  bar.value = job.done;
  const parts = [`${job.done} of ${job.total}`];
  if (job.report.masks) parts.push(`${job.report.masks.toLocaleString("en-US")} mask${job.report.masks === 1 ? "" : "s"}`);
  if (job.report.failed) parts.push(`${job.report.failed} failed`);
  row.querySelector("[data-count]").textContent = parts.join(", ");
  showActions(row);
}

function showActions(row) {
  const allowed = ACTIONS[row.dataset.status] ?? [];
  for (const button of row.querySelectorAll("[data-act]")) button.hidden = !allowed.includes(button.dataset.act);
}

async function update(row) {
  try {
    show(row, await callApi(`/api/v1/jobs/${row.dataset.job}`));
  } catch {
    // The next poll tries again.
  }
}

/** A paused job is looked at as well: somebody else may resume it. */
function isClosed(row) {
  return ["done", "failed", "cancelled"].includes(row.dataset.status);
}

table?.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const row = button.closest("[data-job]");
  button.disabled = true;
  try {
    show(row, await callApi(`/api/v1/jobs/${row.dataset.job}/${button.dataset.act}`, { method: "POST" }));
  } catch (error) {
    row.querySelector("[data-error]").textContent = ` ${error.message}`;
  } finally {
    button.disabled = false;
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-retry-image]");
  if (!button) return;
  button.disabled = true;
  try {
    await callApi(`/api/v1/images/${button.dataset.retryImage}/retry`, { method: "POST" });
    button.textContent = "Asked for";
  } catch (error) {
    button.textContent = error.message;
  }
});

function follow() {
  rows.forEach(showActions);
  listenToProject(
    table.dataset.socket,
    (hint) => {
      const row = hint.type === "job.progress" && rows.find((candidate) => candidate.dataset.job === String(hint.job_id));
      if (row) update(row);
    },
    () => {},
  );
  setInterval(() => rows.filter((row) => !isClosed(row)).forEach(update), POLL_MS);
}

if (table) follow();
