/** What may be done with a job, by its status: which of its buttons are there, and what they ask the server for. */

import { callApi } from "./http.js";

const ACTIONS = { pending: ["pause", "cancel"], running: ["pause", "cancel"], paused: ["resume", "cancel"], failed: ["resume"] };

/** Show those buttons of `place` that fit its `data-status`. */
export function showActions(place) {
  const allowed = ACTIONS[place.dataset.status] ?? [];
  for (const button of place.querySelectorAll("[data-act]")) button.hidden = !allowed.includes(button.dataset.act);
}

/** Say whether nothing comes of a job any more. A paused one may be resumed, by somebody else as well. */
export function isOver(status) {
  return ["done", "failed", "cancelled"].includes(status);
}

/** Do what a button says and return the job; the button waits meanwhile. */
export async function act(button, jobId) {
  button.disabled = true;
  try {
    return await callApi(`/api/v1/jobs/${jobId}/${button.dataset.act}`, { method: "POST" });
  } finally {
    button.disabled = false;
  }
}
