import { gettext } from "./words.js";

/** Copy what an element shows, also where the page came over plain HTTP and the browser has no clipboard for it. */
export async function copyText(element) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(element.value ?? element.textContent);
    return;
  }
  if (element instanceof HTMLInputElement) element.select();
  else getSelection().selectAllChildren(element);
  if (!document.execCommand("copy")) throw new Error(gettext("Not copied: it is selected, press Ctrl+C."));
}
