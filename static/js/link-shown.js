/** The link of an invitation or password: copy it while it is shown. */

import { copyText } from "./copy-text.js";
import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const section = document.querySelector("[data-link-shown]");
const status = section.querySelector("[data-link-status]");

section.querySelector("[data-copy]").addEventListener("click", async () => {
  try {
    await copyText(section.querySelector("code"));
    status.textContent = gettext("Copied.");
  } catch (error) {
    status.textContent = error.message;
  }
});

enableScripted();
