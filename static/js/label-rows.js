/** Label rows of the new-project form: add and remove, with the next colour and key. */

import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const root = document.querySelector("[data-label-rows]");
const rows = root.querySelector("[data-rows]");
const palette = root.dataset.palette.split(" ");
const template = rows.firstElementChild.cloneNode(true);

function number() {
  [...rows.children].forEach((row, index) => {
    const values = { number: index + 1 };
    row.setAttribute("aria-label", gettext("Label %(number)s", values));
    row.querySelector("[name=label_color]").setAttribute("aria-label", gettext("Colour of label %(number)s", values));
    row.querySelector("[name=label_name]").setAttribute("aria-label", gettext("Name of label %(number)s", values));
    row.querySelector("[name=label_key]").setAttribute("aria-label", gettext("Key of label %(number)s", values));
    row.querySelector("[data-remove-row]").setAttribute("aria-label", gettext("Remove label %(number)s", values));
  });
}

function values(name) {
  return new Set([...rows.querySelectorAll(`[name=${name}]`)].map((field) => field.value.toUpperCase()));
}

function addRow() {
  const row = template.cloneNode(true);
  const colors = values("label_color");
  const keys = values("label_key");
  enableScripted(row);
  row.querySelector("[name=label_color]").value = palette.find((color) => !colors.has(color.toUpperCase())) ?? palette[0];
  row.querySelector("[name=label_key]").value = [..."123456789"].find((key) => !keys.has(key)) ?? "";
  const name = row.querySelector("[name=label_name]");
  name.value = "";
  name.placeholder = gettext("Name");
  rows.appendChild(row);
  number();
  name.focus();
}

root.querySelector("[data-add-row]").addEventListener("click", addRow);
rows.addEventListener("click", (event) => {
  if (!event.target.closest("[data-remove-row]")) return;
  event.target.closest(".label-row").remove();
  number();
});
rows.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.name !== "label_name") return;
  event.preventDefault();
  addRow();
});

enableScripted();
