/** The exports page: start one, follow its job, show the file. */

import { callApi } from "./http.js";

const POLL_MS = 700;
const form = document.querySelector("[data-export-form]");
const status = form.querySelector("[data-export-status]");
const bar = form.querySelector("[data-export-bar]");

function options() {
  const data = new FormData(form);
  const format = data.get("format");
  const body = { format, images: data.get("images"), filters: { only_annotated: data.has("only_annotated") } };
  if (format === "coco") body.segmentation = data.get("segmentation");
  return body;
}

async function follow(first) {
  let job = first;
  while (job.status === "pending" || job.status === "running") {
    bar.hidden = false;
    bar.max = Math.max(job.total, 1);
    bar.value = job.done;
    status.textContent = job.status === "pending" ? "Waiting for the worker …" : `Writing ${job.done} of ${job.total} …`;
    await new Promise((done) => setTimeout(done, POLL_MS));
    job = await callApi(`/api/v1/jobs/${job.id}`);
  }
  bar.hidden = true;
  if (job.status !== "done") throw new Error(job.error || `The export is ${job.status}. Start it again.`);
}

async function refreshFiles() {
  const response = await fetch(location.href);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  document.querySelector("#files").replaceWith(page.querySelector("#files"));
}

function showOptionsOfFormat() {
  const format = new FormData(form).get("format");
  for (const field of form.querySelectorAll("[data-for]")) field.hidden = field.dataset.for !== format;
}

form.addEventListener("change", showOptionsOfFormat);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  status.textContent = "Starting …";
  try {
    await follow(await callApi(form.dataset.url, { method: "POST", body: options() }));
    await refreshFiles();
    status.textContent = "Done: the file is at the top of the list.";
  } catch (error) {
    status.textContent = error.message;
  } finally {
    button.disabled = false;
  }
});
showOptionsOfFormat();
