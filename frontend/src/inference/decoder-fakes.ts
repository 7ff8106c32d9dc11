/** A worker, a server and a store that behave as told: what the client's tests run against. */
import type { Abilities } from "./engine-choice";
import type { WorkerAnswer, WorkerRequest } from "./protocol";
import type { WorkerPort } from "./worker-link";

export const SIDE = 4;

/** A manifest with a golden mask of nothing, for a model whose masks are SIDE x SIDE. */
export const MANIFEST = {
  format: 1,
  model_version: "model-1",
  image_size: 16,
  mask_side: SIDE,
  embed_dim: 2,
  grid: 1,
  pixel_offset: 0.5,
  graphs: {
    prepare: { file: "prepare.onnx", weights: "decoder.bin" },
    first: { file: "first.onnx", weights: "decoder.bin" },
    refine: { file: "refine.onnx", weights: "decoder.bin" },
  },
  golden: { seed: 1, point: [8, 8], candidate: 1, mask: { size: [SIDE, SIDE], counts: "`0" }, predicted_iou: 0.5 },
  files: [],
};

export type Behaviour = (request: WorkerRequest, worker: FakeWorker) => WorkerAnswer | null;

/** Opens, prepares and decodes; logits are filled with the first point's x. */
export const healthy: Behaviour = (request) => {
  const { id } = request;
  switch (request.type) {
    case "open": {
      const threads = request.engine === "wasm-threads" ? 2 : 1;
      const trial = { engine: request.engine, isCorrect: true, goldenIou: 1, medianMs: 30, threads };
      return { type: "opened", id, trial: request.isKnown ? null : trial };
    }
    case "prepare":
      return { type: "prepared", id, evicted: [] };
    case "decode": {
      const logits = new Float32Array(4 * SIDE * SIDE).fill(request.coords[0]);
      return { type: "decoded", id, logits, predictedIou: Float32Array.of(0.9, 0.2, 0.8, 0.5), decodeMs: 1 };
    }
  }
};

export class FakeWorker implements WorkerPort {
  onmessage: WorkerPort["onmessage"] = null;
  onmessageerror: WorkerPort["onmessageerror"] = null;
  onerror: WorkerPort["onerror"] = null;
  readonly received: WorkerRequest[] = [];
  isTerminated = false;

  constructor(private readonly behaviour: Behaviour) {}

  postMessage(message: WorkerRequest, transfer: Transferable[]): void {
    const received = structuredClone(message, { transfer });
    this.received.push(received);
    queueMicrotask(() => {
      if (this.isTerminated) return;
      const answer = this.behaviour(received, this);
      if (answer) this.onmessage?.({ data: answer } as MessageEvent<WorkerAnswer>);
    });
  }

  crash(message = "killed"): void {
    this.onerror?.({ message, preventDefault: () => undefined } as ErrorEvent);
  }

  terminate(): void {
    this.isTerminated = true;
  }

  types(): string[] {
    return this.received.map((request) => request.type);
  }
}

export const DESKTOP: Abilities = { hasWebGpu: false, isIsolated: true, cores: 4 };

/** Answers by path; anything else is 404. */
export function fakeFetch(routes: Partial<Record<string, () => Response>>): typeof fetch {
  return (input) => {
    const url = new URL(input instanceof Request ? input.url : String(input), "http://page.test/");
    const answer = routes[url.pathname];
    return Promise.resolve(answer ? answer() : new Response(null, { status: 404 }));
  };
}

export class MemoryStorage implements Storage {
  private readonly values = new Map<string, string>();
  [name: string]: unknown;

  get length(): number {
    return this.values.size;
  }

  clear(): void {
    this.values.clear();
  }

  getItem(key: string): string | null {
    return this.values.get(key) ?? null;
  }

  key(index: number): string | null {
    return [...this.values.keys()][index] ?? null;
  }

  removeItem(key: string): void {
    this.values.delete(key);
  }

  setItem(key: string, value: string): void {
    this.values.set(key, value);
  }
}
