/** The project's home: uploads, folder import, live progress, trying failed images again. */

import { followChoice, keepChoice } from "./choice.js";
import { callApi } from "./http.js";
import { followProgress } from "./progress.js";
import { followIntake, followIntakes } from "./intake.js";
import { enableScripted } from "./scripted.js";
import { acceptUploads } from "./upload.js";
import { gettext } from "./words.js";

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
    document.querySelector("[data-start] button")?.removeAttribute("disabled");
    updateSoon();
  }, GRID_PAUSE_MS);
}

followChoice();
const section = document.querySelector("[data-upload]");
if (section) acceptUploads(section, refreshGrid);
followIntakes(refreshGrid);

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
  status.textContent = gettext("Reading %(done)s of %(total)s photos …", { done: first.done, total: first.total });
  const job = await followIntake(first, refreshGrid);
  status.textContent = job.error || gettext("Done: %(done)s of %(total)s photos read.", { done: job.done, total: job.total });
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

enableScripted();
