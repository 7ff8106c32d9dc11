/** Live embedding progress of the project home: hints make it prompt, polling makes it certain. */

import { callApi } from "./http.js";
import { listenToProject } from "./live.js";
import { gettext, ngettext } from "./words.js";

const WORDS = { failed: gettext("Failed"), running: gettext("Embedding"), pending: gettext("Waiting"), ready: "" };
const POLL_MS = { blocked: 2000, waiting: 5000, idle: 30000 };
const HINT_PAUSE_MS = 300;

/** Keep the panel and the cards of the open grid up to date. Returns a function that asks for an update now. */
export function followProgress(panel) {
  let timer = 0;
  let isOpen = false;
  let waiting = Number(panel.dataset.waiting);
  const schedule = (ms) => {
    clearTimeout(timer);
    timer = setTimeout(update, ms);
  };
  const update = async () => {
    try {
      const progress = await callApi(`${panel.dataset.url}?ids=${shownIds().join(",")}`);
      waiting = progress.waiting;
      showTotals(panel, progress);
      for (const [id, state] of Object.entries(progress.images)) showCard(id, state);
    } catch {
      // The next poll tries again; what is shown stays true as of its time.
    }
    schedule(waiting > 0 ? (isOpen ? POLL_MS.waiting : POLL_MS.blocked) : POLL_MS.idle);
  };
  const soon = () => schedule(HINT_PAUSE_MS);
  listenToProject(panel.dataset.socket, soon, (state) => {
    isOpen = state;
    soon();
  });
  return soon;
}

function shownIds() {
  return [...document.querySelectorAll("[data-image]")].map((card) => card.dataset.image);
}

function showTotals(panel, { total, shown, failed, line }) {
  const bar = panel.querySelector("progress");
  bar.max = Math.max(total, 1);
  bar.value = shown;
  panel.querySelector("[data-figure=total]").textContent = String(total);
  panel.querySelector("[data-unit]").textContent = ngettext("image", "images", total);
  const failedCount = panel.querySelector("[data-figure=failed]");
  failedCount.hidden = failed === 0;
  failedCount.textContent = gettext("%(n)s failed", { n: failed });
  setText(panel.querySelector("[data-figure=line]"), line);
}

function showCard(id, { state, error, masks }) {
  const card = document.querySelector(`[data-image="${CSS.escape(id)}"]`);
  if (!card) return;
  card.dataset.state = state;
  const word = card.querySelector("[data-state-word]");
  word.className = `state state-${state}`;
  setText(word, WORDS[state] ?? state);
  setText(card.querySelector("[data-masks]"), ngettext("%(n)s mask", "%(n)s masks", masks));
  const reason = card.querySelector("[data-error]");
  reason.hidden = !error;
  setText(reason, error);
  const retry = card.querySelector("[data-retry]");
  if (retry) retry.hidden = state !== "failed";
}

/** Write only what changed, so that screen readers are not told the same twice. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
