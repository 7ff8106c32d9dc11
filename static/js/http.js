/** Calls of the API from a page: CSRF header in, the envelope's message out. */

import { gettext } from "./words.js";

/** The CSRF token that Django put into the page's forms or cookie. */
export function csrfToken() {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  if (field instanceof HTMLInputElement) return field.value;
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

/** An answer that is no success; `message` is for people. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Return the error of a body that may be the API's envelope or anything else. */
export function errorOf(status, text) {
  try {
    const { code, message } = JSON.parse(text);
    if (typeof message === "string") return new ApiError(status, code, message);
  } catch {
    // Not JSON: a proxy's page, for example; the status says enough.
  }
  if (status === 413) return new ApiError(status, "too_large", gettext("It is larger than the server allows."));
  return new ApiError(status, "http", gettext("The server answered with %(status)s. Try again; if it stays, tell its admin.", { status }));
}

/** Fetch JSON; throw ApiError when the answer is no success or the server cannot be reached. */
export async function callApi(url, { method = "GET", body } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new ApiError(0, "offline", gettext("The server cannot be reached. Check the connection; nothing was lost."));
  }
  const text = await response.text();
  if (!response.ok) throw errorOf(response.status, text);
  return text ? JSON.parse(text) : null;
}
