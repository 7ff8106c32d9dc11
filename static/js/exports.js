/** The exports page: check, start, follow; links, removal and cancelling of what was made. */

import { copyText } from "./copy-text.js";
import { readOptions, showFields } from "./export-options.js";
import { showFindings } from "./findings.js";
import { count, followJob, isOpen, refresh } from "./follow-job.js";
import { callApi } from "./http.js";
import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const form = document.querySelector("[data-export-form]");
const status = form.querySelector("[data-export-status]");
const bar = form.querySelector("[data-export-bar]");
const findings = document.querySelector("[data-findings]");
const followed = new Set();

function showProgress(job) {
  bar.hidden = false;
  bar.max = Math.max(job.total, 1);
  bar.value = job.done;
  status.textContent = words(job);
}

function words(job) {
  if (job.status === "pending") return gettext("Waiting for the worker …");
  if (job.status === "paused") return gettext("Paused.");
  if (job.kind === "preflight") return gettext("Looking at image %(done)s of %(total)s …", progress(job));
  const { masks = 0, verified = 0 } = job.report;
  return verified > 0
    ? gettext("Reading back: %(done)s of %(total)s masks …", { done: count(verified), total: count(masks) })
    : gettext("Writing: %(n)s masks so far …", { n: count(masks) });
}

function progress(job) {
  return { done: count(job.done), total: count(job.total) };
}

async function run(work) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  status.textContent = gettext("Starting …");
  try {
    await work();
  } catch (error) {
    status.textContent = error.message;
  } finally {
    bar.hidden = true;
    for (const button of buttons) button.disabled = false;
  }
}

async function start(url) {
  const first = await callApi(url, { method: "POST", body: readOptions(form) });
  followed.add(String(first.id));
  const job = await followJob(first, showProgress);
  if (job.status !== "done") throw new Error(job.error || gettext("It was stopped. Start it again."));
  return job;
}

form.addEventListener("change", () => showFields(form));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  run(async () => {
    await start(form.dataset.url);
    await refreshList();
    status.textContent = gettext("Done: the file is at the top of the list.");
  });
});
form.querySelector("[data-check]").addEventListener("click", () =>
  run(async () => {
    const job = await start(form.dataset.checkUrl);
    showFindings(findings, job.report);
    status.textContent = job.report.findings.length === 0 ? gettext("Checked: nothing to stumble over.") : gettext("Checked: see below.");
  }),
);

async function refreshList() {
  await refresh("#files");
  followOthers();
}

/** Exports that were under way when the page came. */
function followOthers() {
  for (const card of document.querySelectorAll("#files [data-job]")) {
    if (isOpen(card.dataset) && !followed.has(card.dataset.job)) followCard(card);
  }
}

async function followCard(card) {
  followed.add(card.dataset.job);
  try {
    await followJob({ id: card.dataset.job, status: card.dataset.status, report: {}, done: 0, total: 1 }, (job) => {
      const progress = card.querySelector("progress");
      progress.max = Math.max(job.total, 1);
      progress.value = job.done;
      card.querySelector("[data-job-words]").textContent = words(job);
    });
    await refreshList();
  } catch (error) {
    card.querySelector("[data-job-words]").textContent = error.message;
  }
}

async function share(item) {
  const hours = item.querySelector("[data-hours]").value;
  const link = await callApi(`/api/v1/exports/${item.dataset.file}/link?hours=${hours}`, { method: "POST" });
  const until = new Date(link.expires_at);
  item.querySelector("[data-shared]").hidden = false;
  const field = item.querySelector("[data-shared] input");
  field.value = link.url;
  field.select();
  item.querySelector("[data-until]").textContent = gettext("Works until %(time)s", {
    time: until.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }),
  });
}

async function act(button) {
  const card = button.closest("[data-job]");
  if (button.matches("[data-share]")) await share(button.closest("[data-file]"));
  if (button.matches("[data-copy]")) {
    await copyText(button.previousElementSibling);
    button.textContent = gettext("Copied");
  }
  if (button.matches("[data-end-link]")) {
    await callApi(`/api/v1/export-links/${button.dataset.endLink}`, { method: "DELETE" });
    button.closest("li").remove();
    status.textContent = gettext("The link is ended: nobody gets the file by it any more.");
  }
  if (button.matches("[data-cancel]")) await callApi(`/api/v1/jobs/${card.dataset.job}/cancel`, { method: "POST" });
  if (button.matches("[data-delete]")) {
    for (const id of button.dataset.delete.trim().split(/\s+/)) await callApi(`/api/v1/exports/${id}`, { method: "DELETE" });
    card.remove();
    status.textContent = gettext("The files are deleted. The masks are untouched: export again whenever you like.");
  }
}

document.querySelector("#main").addEventListener("click", (event) => {
  const button = event.target.closest("[data-share], [data-copy], [data-cancel], [data-delete], [data-end-link]");
  if (button) act(button).catch((error) => (status.textContent = error.message));
});

enableScripted(); // before the fields are read: a form leaves out what is disabled
showFields(form);
followOthers();
