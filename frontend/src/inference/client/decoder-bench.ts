/** A decoder client for tests: fake workers, a fake server, and the workers that it has started. */
import { vi } from "vitest";

import { imagePoint } from "../../geometry/types";
import type { EmbeddingRef } from "../../model/embedding-views";
import { BrowserDecoderClient, type ClientDependencies } from "./decoder-client";
import { DESKTOP, FakeWorker, fakeFetch, MANIFEST, MemoryStorage, SIDE, type Behaviour } from "./decoder-fakes";

export const SIZE = { width: 32, height: 16 };
export const EMBEDDING: EmbeddingRef = {
  key: "abc-model-1-full-f16",
  url: "/embeddings/abc.npy",
  imageId: 7,
  cropBox: null,
  isFlipped: false,
};

function serverAnswer(): Response {
  const head = new TextEncoder().encode(JSON.stringify({ side: SIDE, predicted_iou: [0, 0, 1, 0] }).padEnd(48));
  const body = new Uint8Array(4 + head.length + 4 * 4 * SIDE * SIDE);
  new DataView(body.buffer).setUint32(0, head.length, true);
  body.set(head, 4);
  return new Response(body);
}

export const ROUTES = {
  "/models/manifest.json": () => Response.json(MANIFEST),
  "/embeddings/abc.npy": () => new Response(new Uint8Array(16)),
  "/embeddings/def.npy": () => new Response(new Uint8Array(16)),
  "/embeddings/flip.npy": () => new Response(new Uint8Array(16)),
  "/api/v1/images/7/decode": serverAnswer,
};

export class DecoderBench {
  readonly workers: FakeWorker[] = [];

  constructor() {
    vi.stubGlobal("location", new URL("http://page.test/projects/1/"));
  }

  close(): void {
    vi.unstubAllGlobals();
  }

  /** Each worker behaves as the next of the list, the last one's behaviour repeats. */
  makeClient(behaviours: Behaviour | Behaviour[], more: Partial<ClientDependencies> = {}): BrowserDecoderClient {
    const list = Array.isArray(behaviours) ? behaviours : [behaviours];
    return new BrowserDecoderClient({
      createWorker: () => {
        const outside = { fetch: more.fetch ?? fakeFetch(ROUTES), now: more.now ?? (() => performance.now()) };
        const worker = new FakeWorker(list[Math.min(this.workers.length, list.length - 1)], outside);
        this.workers.push(worker);
        return worker;
      },
      createOnPage: () => Promise.reject(new Error("no page here")),
      fetch: fakeFetch(ROUTES),
      caches: null,
      storage: new MemoryStorage(),
      abilities: DESKTOP,
      userAgent: "Chrome/140",
      api: "/api/v1",
      csrf: "token",
      ...more,
    });
  }
}

export function click(x: number, embedding = EMBEDDING) {
  const prompts = [{ kind: "point", point: imagePoint(x, 4.5), label: 1 }] as const;
  return { kind: "click", views: [embedding], originalSize: SIZE, prompts, starts: [], before: null, step: 1 } as const;
}
