/** The page of dataset versions: what a new one would hold, as its filters change; a version that is made appears. */

import { count, followJob, isOpen } from "./follow-job.js";
import { callApi } from "./http.js";
import { gettext } from "./words.js";

const form = document.querySelector("[data-dataset-form]");
const counts = form.querySelector("[data-counts]");
const status = form.querySelector("[data-counts-status]");
const button = form.querySelector("button[type=submit]");
let asked = 0;

/** Return the filters as the API takes them. */
function query() {
  const data = new FormData(form);
  const wanted = new URLSearchParams();
  for (const name of ["labels", "people"]) for (const value of data.getAll(name)) wanted.append(name, value);
  for (const name of ["created_from", "created_before"]) if (data.get(name)) wanted.append(name, data.get(name));
  if (data.get("is_reviewed")) wanted.append("is_reviewed", "true");
  return wanted;
}

function fill(list, rows) {
  list.replaceChildren(
    ...rows.map(([name, masks]) => {
      const item = document.createElement("li");
      for (const text of [name, count(masks)]) item.append(Object.assign(document.createElement("span"), { textContent: text }));
      return item;
    }),
  );
}

function show(found) {
  for (const place of counts.querySelectorAll("[data-count]")) place.textContent = count(found[place.dataset.count]);
  const [labels, people, days] = ["labels", "people", "days"].map((name) => counts.querySelector(`[data-list=${name}]`));
  fill(labels, found.labels.map((row) => [row.name ?? gettext("No label"), row.masks]));
  fill(people, found.people.map((row) => [row.name ?? gettext("Nobody's account"), row.masks]));
  fill(days, found.days.map((row) => [row.day, row.masks]));
  counts.hidden = found.masks === 0;
  button.disabled = found.masks === 0;
  status.textContent = found.masks === 0 ? gettext("No accepted mask of a submitted or reviewed image fits.") : "";
}

/** Count anew; an answer that a later question has overtaken is not shown. */
async function countAnew() {
  const mine = ++asked;
  try {
    const found = await callApi(`${form.dataset.countsUrl}?${query()}`);
    if (mine === asked) show(found);
  } catch (error) {
    if (mine === asked) status.textContent = error.message;
  }
}

/** Load the page again once a version is made: the list then holds it. */
async function follow(row) {
  const job = await followJob({ id: row.dataset.job, status: row.dataset.status }, () => {});
  if (job.status === "done") location.assign(location.pathname);
}

form.addEventListener("change", countAnew);
for (const row of document.querySelectorAll("[data-jobs] [data-job]")) {
  if (isOpen(row.dataset)) follow(row).catch(() => {}); // jobs.js shows how it stands
}
countAnew();
