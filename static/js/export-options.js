/** The export form as ExportOptions of the API, and which fields belong to what is chosen. */

import { gettext, ngettext } from "./words.js";

const LISTS = ["states", "work_statuses", "stages", "tags", "splits"];
const NUMBERS = ["labels", "authors"];

const OUTLINE_OPTIONS = new Set(["holes", "tolerance_px"]);
const READERS = {
  shortest_side_px: (value) => Number(value) || null,
  shard_images: Number,
  tolerance_px: Number,
  provenance: (value) => value !== null,
};

/** Return the body of an export or a check. */
export function readOptions(form) {
  const data = new FormData(form);
  const body = { format: data.get("format"), images: data.get("images"), filters: readFilters(data) };
  body.val_ratio = Number(data.get("val_percent")) / 100;
  body.test_ratio = Number(data.get("test_percent")) / 100;
  if (body.images === "links") body.base_url = location.origin;
  for (const name of optionsOf(form)) {
    body[name] = name in READERS ? READERS[name](data.get(name)) : data.get(name);
  }
  return body;
}

function readFilters(data) {
  const filters = { only_annotated: data.has("only_annotated") };
  for (const name of LISTS) filters[name] = data.getAll(name);
  for (const name of NUMBERS) filters[name] = data.getAll(name).map(Number);
  for (const name of ["created_from", "created_before"]) {
    if (data.get(name)) filters[name] = `${data.get(name)}T00:00:00Z`;
  }
  return filters;
}

/** Return the names of the options that the chosen format has, as its spec says. */
function optionsOf(form) {
  const { options, container } = form.querySelector("[name=format]:checked").dataset;
  const names = new Set(options.split(" ").filter(Boolean));
  if (names.has("segmentation") && form.elements.segmentation.value !== "polygons") {
    for (const name of OUTLINE_OPTIONS) names.delete(name);
  }
  const isBySplit = names.has("layout") && form.elements.layout.value === "splits";
  if (container !== "file" || form.elements.images.value === "copy" || isBySplit) names.add("container");
  return names;
}

/** Show the fields that the chosen format has, and say in a word how much is filtered. */
export function showFields(form) {
  const names = optionsOf(form);
  for (const field of form.querySelectorAll("[data-option]")) field.hidden = !names.has(field.dataset.option);
  const data = new FormData(form);
  form.querySelector("[data-filter-count]").textContent = filterWords(readFilters(data));
}

function filterWords(filters) {
  const { states, only_annotated: onlyAnnotated, ...others } = filters;
  const masks = states.length === 1 && states[0] === "accepted" ? gettext("all accepted masks") : gettext("masks by state");
  const used = Object.values(others).filter((value) => value.length > 0).length + (onlyAnnotated ? 1 : 0);
  return used === 0 ? masks : ngettext("%(n)s filter", "%(n)s filters", used);
}
