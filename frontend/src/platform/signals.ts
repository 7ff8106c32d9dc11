/** Signals that end a request. `AbortSignal.timeout` and `.any` came to Firefox and Safari in 2022 and 2024. */

/** Make a signal that ends when `other` does, and at the latest after `ms`. */
export function deadline(ms: number, other?: AbortSignal | null): AbortSignal {
  const ending = new AbortController();
  const follow = (): void => ending.abort(other?.reason);
  if (other?.aborted) follow();
  other?.addEventListener("abort", follow, { once: true });
  setTimeout(() => ending.abort(new DOMException("No answer in time.", "TimeoutError")), ms);
  return ending.signal;
}
