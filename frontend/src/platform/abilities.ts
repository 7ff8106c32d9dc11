/** What this browser is and can do, asked in one place. */

/** Whether threads can share memory: needs isolation, which browsers give over https and on localhost only. */
export function hasSharedMemory(): boolean {
  return globalThis.crossOriginIsolated && typeof globalThis.SharedArrayBuffer === "function";
}

/** Whether there is WebGPU to try; it may still have no adapter. */
export function hasWebGpu(): boolean {
  return Boolean((globalThis.navigator as { gpu?: unknown }).gpu);
}

/** How many threads are worth while; 1 where the browser does not say. */
export function coreCount(): number {
  return (globalThis.navigator as { hardwareConcurrency?: number }).hardwareConcurrency ?? 1;
}

export function userAgent(): string {
  return globalThis.navigator.userAgent;
}

/** Where files are cached between visits; null where the browser has no such place (plain http, private windows). */
export function cacheStorage(): CacheStorage | null {
  try {
    return (globalThis as { caches?: CacheStorage }).caches ?? null;
  } catch {
    return null; // the browser refuses even to be asked
  }
}
