/** One import: follow its job, map labels, look again, start. The server renders each stand of it anew. */

import { count, followJob, refresh } from "./follow-job.js";
import { callApi } from "./http.js";
import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const MOVING = new Set(["reading", "importing"]);

function part(name) {
  return document.querySelector(`#import ${name}`);
}

function readOptions(form) {
  const data = new FormData(form);
  const map = {};
  for (const select of form.querySelectorAll("[data-name]")) {
    map[select.dataset.name] = /^\d+$/.test(select.value) ? Number(select.value) : select.value;
  }
  return {
    label_map: map,
    default_label: data.get("default_label") ? Number(data.get("default_label")) : null,
    state: data.get("state") || null,
    add_images: data.has("add_images"),
    files: data.getAll("file"),
    loose_names: data.has("loose_names"),
    boxes: data.has("boxes") ? "suggest" : "skip",
  };
}

function showProgress(job) {
  const bar = part("[data-job-bar]");
  if (!bar) return;
  bar.max = Math.max(job.total, 1);
  bar.value = job.done;
  part("[data-job-words]").textContent = job.status === "pending" ? gettext("Waiting for the worker …") : progressWords(job);
}

function progressWords(job) {
  const values = { done: count(job.done), total: count(job.total) };
  const parts = [job.total > job.done ? gettext("%(done)s of %(total)s masks are read.", values) : gettext("%(done)s masks are read.", values)];
  if (job.report.masks) parts.push(gettext("%(n)s are added.", { n: count(job.report.masks.created) }));
  parts.push(job.kind === "import" ? gettext("You may leave this page; it goes on.") : gettext("Nothing is written yet."));
  return parts.join(" ");
}

async function follow() {
  const { job, stand } = document.querySelector("#import").dataset;
  if (!MOVING.has(stand)) return;
  await followJob({ id: job, status: "pending", kind: "", report: {}, done: 0, total: 1 }, showProgress);
  await show();
}

async function show() {
  await refresh("#import");
  await follow();
}

async function act(verb) {
  const form = part("[data-decide]");
  const id = document.querySelector("#import").dataset.import;
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    await callApi(`/api/v1/imports/${id}/${verb}`, { method: "POST", body: { options: readOptions(form) } });
    await show();
  } catch (error) {
    const place = part("[data-error]");
    if (place) place.textContent = error.message;
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
}

const main = document.querySelector("#main");
main.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-decide]")) return;
  event.preventDefault();
  act("start");
});
main.addEventListener("change", (event) => {
  const button = event.target.closest("[data-decide]")?.querySelector("button[type=submit]");
  if (!button) return;
  button.disabled = false; // the figures above are those of the last look
  button.textContent = gettext("Import with these choices");
});
main.addEventListener("click", async (event) => {
  if (event.target.closest("[data-again]")) act("preview");
  if (event.target.closest("[data-cancel]")) {
    try {
      await callApi(`/api/v1/jobs/${document.querySelector("#import").dataset.job}/cancel`, { method: "POST" });
    } catch (error) {
      part("[data-error]").textContent = error.message;
    }
  }
});
enableScripted();
follow().catch((error) => {
  const place = part("[data-error]");
  if (place) place.textContent = error.message;
});
