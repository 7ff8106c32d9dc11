/** Models > Install: follow what is being installed; cancel it, try it again. */

import { isOpen, refresh } from "./follow-job.js";
import { callApi } from "./http.js";
import { enableScripted } from "./scripted.js";

const POLL_MS = 1000;
const status = document.querySelector("[data-install-status]");

function cards(root = document) {
  return [...root.querySelectorAll("#installs [data-job]")];
}

/** Take bar and words over from the page as it is now; where a job's state is another, all of it. */
async function update() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const now = cards(page);
  const shown = cards();
  const isSame = now.length === shown.length && now.every((card, at) => isAlike(card, shown[at]));
  if (isSame) now.forEach((card, at) => copyProgress(card, shown[at]));
  else await show();
}

function isAlike(one, other) {
  return one.dataset.job === other.dataset.job && one.dataset.status === other.dataset.status;
}

function copyProgress(from, to) {
  const bar = from.querySelector("progress");
  if (!bar) return;
  to.querySelector("progress").value = bar.value;
  to.querySelector("[data-words]").textContent = from.querySelector("[data-words]").textContent;
}

async function show() {
  await refresh("#installs");
  enableScripted();
  const latest = document.querySelector("#installs .verdict-line");
  if (latest) status.textContent = latest.firstChild.textContent;
}

async function act(button) {
  const card = button.closest("[data-job]");
  button.disabled = true;
  try {
    await callApi(`/api/v1/jobs/${card.dataset.job}/${button.dataset.act}`, { method: "POST" });
    await show();
  } catch (error) {
    const place = card.querySelector("[data-error]");
    place.textContent = error.message;
    place.hidden = false;
    button.disabled = false;
  }
}

async function follow() {
  try {
    if (cards().some((card) => isOpen(card.dataset))) await update();
  } catch {
    // The next look tries again.
  }
  setTimeout(follow, POLL_MS);
}

document.querySelector("#main").addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) act(button);
});
enableScripted();
follow();
