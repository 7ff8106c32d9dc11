/** Installing from a file: send it with a progress bar. Everything else the form does by itself. */

import { csrfToken, errorOf } from "./http.js";
import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const form = document.querySelector("[data-install-form]");
const refusal = form.querySelector("[data-refusal]");
const box = form.querySelector("[data-upload-status]");
const button = form.querySelector("button[type=submit]");

function refuse(text) {
  refusal.textContent = text;
  refusal.hidden = false;
  box.hidden = true;
  button.disabled = false;
}

function showSent(name, share) {
  box.hidden = false;
  box.querySelector("[data-upload-line]").textContent = gettext("Sending %(name)s …", { name });
  box.querySelector("progress").value = share;
}

/** fetch has no upload progress, so this is XMLHttpRequest. */
function send(file) {
  const request = new XMLHttpRequest();
  request.open("POST", location.href);
  request.setRequestHeader("X-CSRFToken", csrfToken());
  request.upload.addEventListener("progress", (event) => showSent(file.name, event.loaded / (event.total || 1)));
  request.addEventListener("error", () =>
    refuse(gettext("Not sent: the server cannot be reached. Choose the file again later.")),
  );
  request.addEventListener("load", () => answer(request));
  request.send(new FormData(form));
}

function answer(request) {
  if (request.status === 200 && request.responseURL !== location.href) return location.assign(request.responseURL);
  if (request.status !== 200) return refuse(errorOf(request.status, request.responseText).message);
  const page = new DOMParser().parseFromString(request.responseText, "text/html");
  return refuse(page.querySelector("[data-refusal]").textContent);
}

form.addEventListener("submit", (event) => {
  const file = form.querySelector("input[type=file]").files[0];
  if (new FormData(form).get("source") !== "file" || !file) return;
  event.preventDefault();
  button.disabled = true;
  refusal.hidden = true;
  showSent(file.name, 0);
  send(file);
});
enableScripted();
