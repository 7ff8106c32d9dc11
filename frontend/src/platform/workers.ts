/** Threads: the decoder's worker, and the helpers that a worker starts for itself. */

/** Start a module worker. Throws where the browser has none or refuses it: whoever asks has another way. */
export function startWorker(url: string, name: string): Worker {
  return new Worker(url, { type: "module", name });
}
