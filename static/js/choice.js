/** Choosing images in the grid: how many are chosen, all or none of those shown, kept when the grid comes anew. */

import { ngettext } from "./words.js";

const bar = document.querySelector("[data-choice-bar]");
let last = null;

function boxes() {
  return [...document.querySelectorAll("[data-choose]")];
}

function show() {
  const count = boxes().filter((box) => box.checked).length;
  bar.hidden = count === 0;
  bar.querySelector("[data-choice-count]").textContent = ngettext("%(n)s image chosen", "%(n)s images chosen", count);
}

function choose(from, to, isChosen) {
  boxes().slice(Math.min(from, to), Math.max(from, to) + 1).forEach((box) => {
    box.checked = isChosen;
  });
}

/** Return a function that chooses again, in a grid that has come anew, what is chosen now. */
export function keepChoice() {
  const chosen = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
  return () => {
    for (const box of boxes()) box.checked = chosen.has(box.value);
    if (bar) show();
  };
}

/** Follow the check boxes; with Shift everything from the last one is chosen as well. */
export function followChoice() {
  if (!bar) return;
  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-choose]");
    if (!box) return;
    const at = boxes().indexOf(box);
    if (event.shiftKey && last !== null) choose(last, at, box.checked);
    last = at;
    show();
  });
  bar.querySelector("[data-choose-all]").addEventListener("click", () => {
    choose(0, boxes().length, true);
    show();
  });
  bar.querySelector("[data-choose-none]").addEventListener("click", () => {
    choose(0, boxes().length, false);
    show();
  });
  document.addEventListener("htmx:afterSwap", () => {
    last = null;
    show();
  });
  show();
}
