import { beforeEach, describe, expect, it, vi } from "vitest";

import { EmbeddingStore } from "./embedding-store";

class MemoryCache {
  readonly entries = new Map<string, { headers: Headers; bytes: ArrayBuffer }>();

  private static urlOf(request: RequestInfo | URL): string {
    return new URL(request instanceof Request ? request.url : String(request), "http://page.test/").href;
  }

  async put(request: RequestInfo | URL, response: Response): Promise<void> {
    const bytes = await response.arrayBuffer();
    this.entries.set(MemoryCache.urlOf(request), { headers: response.headers, bytes });
  }

  match(request: RequestInfo | URL): Promise<Response | undefined> {
    const entry = this.entries.get(MemoryCache.urlOf(request));
    return Promise.resolve(entry && new Response(entry.bytes, { headers: entry.headers }));
  }

  keys(): Promise<Request[]> {
    return Promise.resolve([...this.entries.keys()].map((url) => new Request(url)));
  }

  delete(request: RequestInfo | URL): Promise<boolean> {
    return Promise.resolve(this.entries.delete(MemoryCache.urlOf(request)));
  }
}

let cache: MemoryCache;
let get: ReturnType<typeof vi.fn<typeof fetch>>;

beforeEach(() => {
  cache = new MemoryCache();
  get = vi.fn<typeof fetch>(() => Promise.resolve(new Response(new Uint8Array(100))));
});

const ref = (name: string) => ({
  key: name,
  url: `/embeddings/${name}.npy`,
  imageId: 1,
  cropBox: null,
  isFlipped: false,
});

function makeStore(budgetBytes = 1000) {
  const caches = { open: () => Promise.resolve(cache) } as unknown as CacheStorage;
  return new EmbeddingStore({ fetch: get, caches, budgetBytes });
}

describe("EmbeddingStore", () => {
  it("fetches a file once and keeps it", async () => {
    const store = makeStore();
    expect((await store.load(ref("a"))).byteLength).toBe(100);
    expect((await store.load(ref("a"))).byteLength).toBe(100);
    expect(get).toHaveBeenCalledTimes(1);
  });

  it("shares one download, but not its buffer, among those who ask at once", async () => {
    const store = makeStore();
    const [first, second] = await Promise.all([store.load(ref("a")), store.load(ref("a"))]);
    expect(get).toHaveBeenCalledTimes(1);
    expect(first).not.toBe(second);
  });

  it("takes the oldest out when the bytes are spent", async () => {
    const store = makeStore(250);
    for (const name of ["a", "b", "c"]) await store.load(ref(name));
    expect([...cache.entries.keys()].map((url) => url.at(-5))).toEqual(["b", "c"]);
  });

  it("works without storage", async () => {
    const caches = { open: () => Promise.reject(new Error("denied")) } as unknown as CacheStorage;
    const store = new EmbeddingStore({ fetch: get, caches, budgetBytes: 1000 });
    expect((await store.load(ref("a"))).byteLength).toBe(100);
  });

  it.each([
    ["is not there", () => Promise.resolve(new Response(null, { status: 404 })), "not there yet"],
    ["is refused", () => Promise.resolve(new Response(null, { status: 403 })), "refused"],
    ["cannot be reached", () => Promise.reject(new TypeError("offline")), "could not be fetched"],
  ])("says when a file %s, and tries again next time", async (_, answer, message) => {
    const store = makeStore();
    get.mockImplementationOnce(answer);
    await expect(store.load(ref("a"))).rejects.toMatchObject({
      code: "embedding_missing",
      message: expect.stringContaining(message) as string,
    });
    expect((await store.load(ref("a"))).byteLength).toBe(100);
  });
});
