/** Adding images: by drag and drop or by choosing, photos and zips, in batches, each file with its own outcome. */

import { ApiError, csrfToken, errorOf } from "./http.js";
import { followIntake } from "./intake.js";
import { gettext, ngettext } from "./words.js";

const BATCH_FILES = 8;
const BATCH_BYTES = 48 * 1024 * 1024;

/** Split files into requests that stay small, so that none takes long and one failure costs little. */
export function makeBatches(files) {
  const batches = [];
  let batch = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length > 0 && (batch.length >= BATCH_FILES || bytes + file.size > BATCH_BYTES)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** Wire up the drop zone. `onAdded` is called after each batch that added something. */
export function acceptUploads(section, onAdded) {
  const zone = section.querySelector("[data-drop-zone]");
  const input = section.querySelector("[data-file-input]");
  let queue = Promise.resolve();
  const take = (files) => {
    if (files.length > 0) queue = queue.then(() => uploadAll(section, files, onAdded));
  };
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
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
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("is-over");
    take(await droppedFiles(event.dataTransfer));
  });
}

/** Where each file lies inside the folder that was dropped; a file that was chosen alone has its name. */
const paths = new WeakMap();

function pathOf(file) {
  return paths.get(file) ?? (file.webkitRelativePath || file.name);
}

/** Return dropped files, those inside dropped folders included. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.every((entry) => entry.isFile)) return [...transfer.files];
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    if (entry.name.startsWith(".")) return;
    const file = await new Promise((done, fail) => entry.file(done, fail));
    paths.set(file, entry.fullPath.replace(/^\//, ""));
    found.push(file);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const part = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (part.length === 0) return;
    for (const child of part) await walk(child, found);
  }
}

async function uploadAll(section, files, onAdded) {
  const view = new UploadView(section, files);
  for (const batch of makeBatches(files)) {
    try {
      const entries = await sendBatch(section.dataset.url, batch, (bytes) => view.showBytes(bytes));
      view.finishBatch(batch, entries);
      if (entries.some((entry) => entry.status === "added")) onAdded();
      for (const { job_id: id } of entries) if (id) view.follow(followIntake({ id, status: "pending" }, onAdded));
    } catch (error) {
      const message = error instanceof ApiError ? error.message : String(error);
      view.finishBatch(batch, batch.map((file) => ({ name: pathOf(file), status: "refused", message })));
    }
  }
  view.finish();
}

/** Send one request; fetch has no upload progress, so this is XMLHttpRequest. */
function sendBatch(url, batch, onBytes) {
  const body = new FormData();
  for (const file of batch) {
    body.append("files", file, file.name);
    body.append("paths", pathOf(file));
  }
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.addEventListener("progress", (event) => onBytes(event.loaded));
    request.addEventListener("error", () =>
      reject(new ApiError(0, "offline", gettext("Not sent: the server cannot be reached. Drop the file again later."))),
    );
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(errorOf(request.status, request.responseText));
    });
    request.send(body);
  });
}

/** The line, the bar and the list of what was not added. */
class UploadView {
  constructor(section, files) {
    this.status = section.querySelector("[data-upload-status]");
    this.line = section.querySelector("[data-upload-line]");
    this.bar = section.querySelector("[data-upload-bar]");
    this.list = section.querySelector("[data-upload-results]");
    this.files = files.length;
    this.totalBytes = files.reduce((sum, file) => sum + file.size, 0) || 1;
    this.doneBytes = 0;
    this.doneFiles = 0;
    this.counts = { added: 0, duplicate: 0, refused: 0, queued: 0, unpacked: 0 };
    this.status.hidden = false;
    this.bar.hidden = false;
    this.list.replaceChildren();
    this.showBytes(0);
    this.line.textContent = ngettext("Sending %(n)s file …", "Sending %(n)s files …", this.files);
  }

  showBytes(bytes) {
    this.bar.value = Math.min(1, (this.doneBytes + bytes) / this.totalBytes);
  }

  finishBatch(batch, entries) {
    this.doneFiles += batch.length;
    this.doneBytes += batch.reduce((sum, file) => sum + file.size, 0);
    this.showBytes(0);
    for (const entry of entries) this.showEntry(entry);
    if (this.doneFiles < this.files) this.line.textContent = gettext("Sent %(done)s of %(total)s files …", { done: this.doneFiles, total: this.files });
  }

  /** Count a queued file as unpacked when its job has ended; its own line says what came of it. */
  follow(ended) {
    const count = () => {
      this.counts.queued -= 1;
      this.counts.unpacked += 1;
      if (this.doneFiles >= this.files) this.showLine();
    };
    ended.then(count, count);
  }

  showEntry({ name, status, message }) {
    this.counts[status] = (this.counts[status] ?? 0) + 1;
    if (status === "queued" || (status === "added" && !message)) return;
    const row = document.createElement("li");
    row.className = status;
    for (const text of [name, message || (status === "duplicate" ? gettext("Is in the project already.") : status)]) {
      row.appendChild(document.createElement("span")).textContent = text;
    }
    this.list.appendChild(row);
  }

  finish() {
    this.showLine();
    this.bar.value = 1;
    this.bar.hidden = true;
  }

  showLine() {
    const { added, duplicate, refused, queued, unpacked } = this.counts;
    const parts = added > 0 || queued + unpacked === 0 ? [ngettext("%(n)s image added", "%(n)s images added", added)] : [];
    if (duplicate > 0) parts.push(gettext("%(n)s already here", { n: duplicate }));
    if (queued > 0) parts.push(ngettext("%(n)s zip being unpacked", "%(n)s zips being unpacked", queued));
    if (unpacked > 0) parts.push(ngettext("%(n)s zip unpacked", "%(n)s zips unpacked", unpacked));
    if (refused > 0) parts.push(gettext("%(n)s not added, with the reason below", { n: refused }));
    this.line.textContent = `${parts.join(", ")}.`;
  }
}
