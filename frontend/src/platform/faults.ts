/** The page's error boundary, static/js/faults.js: it hears what nobody caught, and tells the server's log. */

const EVENT = "maskwright-fault";

/** Have uncaught errors told by `tell` instead of the page's own line; returns how to stop. */
export function onFault(tell: (reason: string) => void): () => void {
  const listening = new AbortController();
  const hear = (event: Event): void => {
    tell((event as CustomEvent<{ reason: string }>).detail.reason);
    event.preventDefault();
  };
  globalThis.addEventListener(EVENT, hear, { signal: listening.signal });
  return () => listening.abort();
}

/** Hand the boundary an error that had to be caught where it arose. */
export function raise(error: unknown): void {
  setTimeout(() => {
    throw error;
  });
}
