/** The decoder client of a page: its worker, its stores and what its browser can do. */
import { BrowserDecoderClient, type ClientDependencies, type DecoderClient } from "./decoder-client";

/** The client for this page. */
export function createDecoderClient(
  options: Pick<ClientDependencies, "api" | "csrf" | "onEngine" | "rehearse">,
): DecoderClient {
  return new BrowserDecoderClient({
    ...options,
    createWorker: () =>
      new Worker(new URL("../worker/decoder-worker.ts", import.meta.url), { type: "module", name: "decoder" }),
    fetch: globalThis.fetch.bind(globalThis),
    caches: "caches" in globalThis ? globalThis.caches : null,
    storage: openStorage(),
    abilities: {
      hasWebGpu: "gpu" in navigator,
      isIsolated: globalThis.crossOriginIsolated,
      cores: navigator.hardwareConcurrency,
    },
    userAgent: navigator.userAgent,
  });
}

function openStorage(): Storage | null {
  try {
    return globalThis.localStorage;
  } catch {
    return null; // storage is switched off
  }
}
