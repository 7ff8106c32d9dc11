/** The imports page: send a file, or name a place on the server, and go to its preview. */

import { ApiError, callApi, csrfToken, errorOf } from "./http.js";
import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const section = document.querySelector("[data-import-form]");
const zone = section.querySelector("[data-drop-zone]");
const box = section.querySelector("[data-upload-status]");
const line = section.querySelector("[data-upload-line]");
const bar = section.querySelector("[data-upload-bar]");

function options() {
  return { format: section.querySelector("[data-format]").value };
}

function say(text, share) {
  box.hidden = false;
  line.textContent = text;
  bar.hidden = share === undefined;
  bar.value = share ?? 0;
}

/** Send the file; fetch has no upload progress, so this is XMLHttpRequest. */
function send(file) {
  const body = new FormData();
  body.append("file", file, file.name);
  body.append("options", JSON.stringify(options()));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", section.dataset.url);
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.addEventListener("progress", (event) => say(gettext("Sending %(name)s …", { name: file.name }), event.loaded / (event.total || 1)));
    request.addEventListener("error", () =>
      reject(new ApiError(0, "offline", gettext("Not sent: the server cannot be reached. Choose the file again later."))),
    );
    request.addEventListener("load", () => {
      if (request.status === 201) resolve(JSON.parse(request.responseText));
      else reject(errorOf(request.status, request.responseText));
    });
    request.send(body);
  });
}

async function open(work) {
  try {
    const made = await work();
    location.assign(`${section.dataset.page}${made.id}/`);
  } catch (error) {
    say(error.message);
  }
}

function take(files) {
  if (files.length === 0) return;
  if (files.length > 1) say(gettext("One file at a time: put several into a zip."));
  else open(() => send(files[0]));
}

section.querySelector("[data-file-input]").addEventListener("change", (event) => {
  take([...event.target.files]);
  event.target.value = "";
});
for (const kind of ["dragenter", "dragover"]) {
  zone.addEventListener(kind, (event) => {
    event.preventDefault();
    zone.classList.add("is-over");
  });
}
zone.addEventListener("dragleave", (event) => {
  if (!zone.contains(event.relatedTarget)) zone.classList.remove("is-over");
});
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("is-over");
  take([...event.dataTransfer.files]);
});
section.querySelector("[data-folder-form]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = { folder: event.target.folder.value, options: options() };
  open(() => callApi(`${section.dataset.url}/from-folder`, { method: "POST", body }));
});
document.querySelector("#main").addEventListener("click", async (event) => {
  const button = event.target.closest("[data-delete]");
  if (!button) return;
  const status = document.querySelector("[data-table-status]");
  try {
    await callApi(`/api/v1/imports/${button.dataset.delete}`, { method: "DELETE" });
    button.closest("tr").remove();
    status.textContent = gettext("The file is deleted. The masks that it brought are untouched.");
  } catch (error) {
    status.textContent = error.message;
  }
});

enableScripted();
