/** The decoder client of a page: its worker, its stores and what its browser can do. */
import { cacheStorage, coreCount, hasSharedMemory, hasWebGpu, userAgent } from "../../platform/abilities";
import { localTexts } from "../../platform/small-storage";
import { startWorker } from "../../platform/workers";
import type { DecoderClient } from "../protocol/types";
import { BrowserDecoderClient, type ClientDependencies } from "./decoder-client";

/** The client for this page; `workerUrl` is the script of the decoder's worker. */
export function createDecoderClient({
  workerUrl,
  ...options
}: Pick<ClientDependencies, "api" | "csrf" | "createOnPage" | "onEngine" | "warmUpPainting"> & {
  readonly workerUrl: string;
}): DecoderClient {
  return new BrowserDecoderClient({
    ...options,
    createWorker: () => startWorker(workerUrl, "decoder"),
    fetch: globalThis.fetch.bind(globalThis),
    caches: cacheStorage(),
    storage: localTexts,
    abilities: { hasWebGpu: hasWebGpu(), isIsolated: hasSharedMemory(), cores: coreCount() },
    userAgent: userAgent(),
  });
}
