/**
 * Fetches embedding files and keeps them: Cache Storage between visits, bounded in bytes, oldest out first.
 * Without Cache Storage (private windows) the browser's HTTP cache is all there is, and that is fine.
 */
import type { EmbeddingRef } from "../../model/embedding-views";
import { DecodeError } from "../protocol/errors";

export interface EmbeddingStoreOptions {
  readonly fetch: typeof fetch;
  readonly caches: CacheStorage | null;
  readonly budgetBytes: number;
}

const CACHE_NAME = "maskwright-embeddings-1";
const NOT_FOUND = 404;

export class EmbeddingStore {
  private readonly inFlight = new Map<string, Promise<ArrayBuffer>>();

  constructor(private readonly options: EmbeddingStoreOptions) {}

  /** Return the file's bytes, the caller's own. Rejects with DecodeError `embedding_missing`. */
  async load(embedding: EmbeddingRef): Promise<ArrayBuffer> {
    const running = this.inFlight.get(embedding.key);
    if (running) return (await running).slice(0);
    const loading = this.loadOnce(embedding);
    this.inFlight.set(embedding.key, loading);
    try {
      return await loading;
    } finally {
      this.inFlight.delete(embedding.key);
    }
  }

  private async loadOnce(embedding: EmbeddingRef): Promise<ArrayBuffer> {
    const cache = await this.openCache();
    const kept = await cache?.match(embedding.url);
    if (kept) return kept.arrayBuffer();
    const response = await this.reach(embedding);
    const bytes = await response.arrayBuffer();
    if (cache) await this.keep(cache, embedding.url, bytes);
    return bytes;
  }

  private async reach({ url }: EmbeddingRef): Promise<Response> {
    let response: Response;
    try {
      response = await this.options.fetch(url, { credentials: "same-origin" });
    } catch (cause) {
      throw new DecodeError("embedding_missing", "The embedding could not be fetched.", { cause });
    }
    if (response.ok) return response;
    const what = response.status === NOT_FOUND ? "is not there yet" : `was refused (${response.status})`;
    throw new DecodeError("embedding_missing", `The embedding ${what}.`);
  }

  private async openCache(): Promise<Cache | null> {
    try {
      return (await this.options.caches?.open(CACHE_NAME)) ?? null;
    } catch {
      return null; // storage is switched off; nothing is lost but a download
    }
  }

  /** Put a file in and take the oldest out until all fit; keys come in the order they were put. */
  private async keep(cache: Cache, url: string, bytes: ArrayBuffer): Promise<void> {
    try {
      await cache.put(url, new Response(bytes, { headers: { "Content-Length": String(bytes.byteLength) } }));
      await this.trim(cache, url);
    } catch {
      await this.options.caches?.delete(CACHE_NAME).catch(() => false); // the disk is full: make room
    }
  }

  private async trim(cache: Cache, newest: string): Promise<void> {
    const requests = await cache.keys();
    const sizes = await Promise.all(
      requests.map(async (request) => Number((await cache.match(request))?.headers.get("Content-Length") ?? 0)),
    );
    let total = sizes.reduce((sum, size) => sum + size, 0);
    for (const [i, request] of requests.entries()) {
      if (total <= this.options.budgetBytes) return;
      if (new URL(request.url).pathname === new URL(newest, request.url).pathname) continue;
      await cache.delete(request);
      total -= sizes[i];
    }
  }
}
