/** Jobs of a project, or of many: live progress, pause, resume, cancel, trying failed images again. */

import { callApi } from "./http.js";
import { act, isOver, showActions } from "./job-actions.js";
import { listenToProject } from "./live.js";
import { enableScripted } from "./scripted.js";
import { gettext, ngettext } from "./words.js";

const POLL_MS = 3000;
const WORDS = {
  pending: gettext("Waiting"),
  running: gettext("Running"),
  paused: gettext("Paused"),
  done: gettext("Done"),
  failed: gettext("Failed"),
  cancelled: gettext("Cancelled"),
};

const table = document.querySelector("[data-jobs]");
const rows = table ? [...table.querySelectorAll("[data-job]")] : [];

function show(row, job) {
  row.dataset.status = job.status;
  row.querySelector("[data-status-word]").textContent = WORDS[job.status] ?? job.status;
  row.querySelector("[data-error]").textContent = job.error ? ` ${job.error}` : "";
  const bar = row.querySelector("progress");
  bar.max = Math.max(job.total, 1);
  bar.value = job.done;
  const parts = [gettext("%(done)s of %(total)s", { done: job.done, total: job.total })];
  if (job.report.masks) parts.push(ngettext("%(n)s mask", "%(n)s masks", job.report.masks));
  if (job.report.failed) parts.push(gettext("%(n)s failed", { n: job.report.failed }));
  row.querySelector("[data-count]").textContent = parts.join(", ");
  showActions(row);
}

async function update(row) {
  try {
    show(row, await callApi(`/api/v1/jobs/${row.dataset.job}`));
  } catch {
    // The next poll tries again.
  }
}

table?.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const row = button.closest("[data-job]");
  try {
    show(row, await act(button, row.dataset.job));
  } catch (error) {
    row.querySelector("[data-error]").textContent = ` ${error.message}`;
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-retry-image]");
  if (!button) return;
  button.disabled = true;
  try {
    await callApi(`/api/v1/images/${button.dataset.retryImage}/retry`, { method: "POST" });
    button.textContent = gettext("Asked for");
  } catch (error) {
    button.textContent = error.message;
  }
});

function hear(hint) {
  const row = hint.type === "job.progress" && rows.find((candidate) => candidate.dataset.job === String(hint.job_id));
  if (row) update(row);
}

function follow() {
  rows.forEach(showActions);
  if (table.dataset.socket) listenToProject(table.dataset.socket, hear, () => {}); // jobs of many projects are polled
  setInterval(() => rows.filter((row) => !isOver(row.dataset.status)).forEach(update), POLL_MS);
}

enableScripted();
if (table) follow();
