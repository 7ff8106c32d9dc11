/** Jobs of a project, or of many: live progress, pause, resume, cancel, trying failed images again. */

import { callApi } from "./http.js";
import { listenToProject } from "./live.js";
import { enableScripted } from "./scripted.js";
import { gettext, ngettext } from "./words.js";

const POLL_MS = 3000;
const ACTIONS = { pending: ["pause", "cancel"], running: ["pause", "cancel"], paused: ["resume", "cancel"], failed: ["resume"] };
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
  setInterval(() => rows.filter((row) => !isClosed(row)).forEach(update), POLL_MS);
}

enableScripted();
if (table) follow();
