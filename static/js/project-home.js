/** The project's home: uploads, folder import, live progress, trying failed images again. */

import { followChoice, keepChoice } from "./choice.js";
import { callApi } from "./http.js";
import { followProgress } from "./progress.js";
import { acceptUploads } from "./upload.js";

const GRID_PAUSE_MS = 400;

const updateSoon = followProgress(document.querySelector("[data-progress]"));
let gridTimer = 0;

/** Load the grid again with the filters of the address, keeping the scroll position. */
function refreshGrid() {
  clearTimeout(gridTimer);
  gridTimer = setTimeout(async () => {
    const address = location.href;
    const response = await fetch(address, { headers: { "HX-Request": "true" } });
    // A filter chosen meanwhile has the last word: its own answer is newer, or still on its way to this element.
    if (location.href !== address || document.querySelector(".htmx-request")) return refreshGrid();
    if (!response.ok) return;
    const grid = await response.text();
    const chooseAgain = keepChoice();
    document.querySelector("#grid").outerHTML = grid;
    chooseAgain();
    document.querySelector("button[disabled]")?.removeAttribute("disabled");
    updateSoon();
  }, GRID_PAUSE_MS);
}

followChoice();
const section = document.querySelector("[data-upload]");
if (section) acceptUploads(section, refreshGrid);

const folderForm = document.querySelector("[data-folder-form]");
folderForm?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const status = folderForm.querySelector("[data-folder-status]");
  try {
    const job = await callApi(folderForm.dataset.url, { method: "POST", body: { folder: folderForm.folder.value } });
    await followFolder(job, status);
  } catch (error) {
    status.textContent = error.message;
  }
});

async function followFolder(first, status) {
  let job = first;
  while (job.status === "pending" || job.status === "running") {
    status.textContent = `Reading ${job.done} of ${job.total} photos …`;
    await new Promise((done) => setTimeout(done, 1000));
    job = await callApi(`/api/v1/jobs/${job.id}`);
    refreshGrid();
  }
  status.textContent = job.error || `Done: ${job.done} of ${job.total} photos read.`;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-retry]");
  if (!button) return;
  button.disabled = true;
  const card = button.closest("[data-image]");
  try {
    await callApi(`/api/v1/images/${card.dataset.image}/retry`, { method: "POST" });
    updateSoon();
  } catch (error) {
    const reason = card.querySelector("[data-error]");
    reason.hidden = false;
    reason.textContent = error.message;
  } finally {
    button.disabled = false;
  }
});
