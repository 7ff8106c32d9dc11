/** The export form as ExportOptions of the API, and which fields belong to what is chosen. */

const LISTS = ["states", "work_statuses", "stages", "tags", "splits"];
const NUMBERS = ["labels", "authors"];

/** Return the body of an export or a check. */
export function readOptions(form) {
  const data = new FormData(form);
  const format = data.get("format");
  const isPolygons = format === "coco" && data.get("segmentation") === "polygons";
  const body = { format, images: data.get("images"), filters: readFilters(data) };
  body.val_ratio = Number(data.get("val_percent")) / 100;
  body.test_ratio = Number(data.get("test_percent")) / 100;
  if (body.images === "links") body.base_url = location.origin;
  if (format === "coco") Object.assign(body, { segmentation: data.get("segmentation"), provenance: data.has("provenance") });
  if (isPolygons) body.holes = data.get("holes");
  if (isPolygons || format === "yolo") body.tolerance_px = Number(data.get("tolerance_px"));
  if (format === "sa1b") {
    body.shard_images = Number(data.get("shard_images"));
    if (data.get("shortest_side_px")) body.shortest_side_px = Number(data.get("shortest_side_px"));
  }
  if (hasPackage(data)) body.container = data.get("container");
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

function hasPackage(data) {
  return data.get("format") !== "coco" || data.get("images") === "copy";
}

/** Show the fields that the chosen format has, and say in a word how much is filtered. */
export function showFields(form) {
  const data = new FormData(form);
  const kinds = new Set([data.get("format")]);
  if (data.get("format") === "coco" && data.get("segmentation") === "polygons") kinds.add("polygons");
  if (hasPackage(data)) kinds.add("package");
  for (const field of form.querySelectorAll("[data-for]")) {
    field.hidden = !field.dataset.for.split(" ").some((kind) => kinds.has(kind));
  }
  form.querySelector("[data-filter-count]").textContent = filterWords(readFilters(data));
}

function filterWords(filters) {
  const { states, only_annotated: onlyAnnotated, ...others } = filters;
  const masks = states.length === 1 && states[0] === "accepted" ? "all accepted masks" : "masks by state";
  const used = Object.values(others).filter((value) => value.length > 0).length + (onlyAnnotated ? 1 : 0);
  return used === 0 ? masks : `${used} filter${used === 1 ? "" : "s"}`;
}
