/** Tokens of the account page: make one, show it once, revoke. */

import { copyText } from "./copy-text.js";
import { refresh } from "./follow-job.js";
import { callApi } from "./http.js";
import { enableScripted } from "./scripted.js";
import { gettext } from "./words.js";

const section = document.querySelector("[data-tokens]");
const form = section.querySelector("[data-new-token]");
const status = section.querySelector("[data-token-status]");
const shown = section.querySelector("[data-token-shown]");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, scope, days } = form.elements;
  const body = { name: name.value, scope: scope.value, days: Number(days.value) };
  try {
    const made = await callApi(section.dataset.url, { method: "POST", body });
    const until = new Date(made.expires_at).toLocaleDateString(document.documentElement.lang, { dateStyle: "medium" });
    status.textContent = gettext("Token “%(name)s” works until %(day)s. Keep it now: it is shown this once.", { name: made.name, day: until });
    shown.hidden = false;
    shown.querySelector("code").textContent = made.token;
    form.reset();
    await refresh("#token-list");
  } catch (error) {
    status.textContent = error.message;
  }
});

section.querySelector("[data-copy]").addEventListener("click", async () => {
  try {
    await copyText(shown.querySelector("code"));
    status.textContent = gettext("Copied.");
  } catch (error) {
    status.textContent = error.message;
  }
});

section.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-revoke]");
  if (!button) return;
  try {
    await callApi(`${section.dataset.url}/${button.dataset.revoke}`, { method: "DELETE" });
    button.closest("tr").remove();
    status.textContent = gettext("The token is revoked; scripts that use it are signed out.");
  } catch (error) {
    status.textContent = error.message;
  }
});

enableScripted();
