/** A worker, a server and a store that behave as told: what the client's tests run against. */
import { cropOfAnswer, maskOf } from "../masks/pictures";
import { DecodeError, toDecodeError } from "../protocol/errors";
import { parseManifest } from "../protocol/manifest";
import type { WorkerAnswer, WorkerRequest } from "../protocol/messages";
import { Answering } from "../worker/answering";
import type { DecodedLogits } from "../worker/model-decoder";
import { ModelViews, MissingView, ServerViews, type ViewDecoder } from "../worker/view-decoder";
import type { Abilities } from "./engine-choice";
import type { WorkerPort } from "./worker-link";

export const SIDE = 4;

/** A manifest with a golden mask of nothing, for a model whose masks are SIDE x SIDE. */
export const MANIFEST = {
  format: 6,
  model_version: "model-1",
  image_size: 16,
  geometry: "longest_side",
  mask_side: SIDE,
  embedding: [{ name: "image_embeddings", shape: [1, 2, 1, 1], dtype: "float16" }],
  pixel_offset: 0.5,
  policy: {
    weighs_click: false,
    keeps_clicks: false,
    blends_far: false,
    uses_flip: false,
    uses_crops: false,
    budget_ms: 50,
  },
  graphs: {
    first: { file: "first.onnx", weights: "decoder.bin" },
    refine: { file: "refine.onnx", weights: "decoder.bin" },
  },
  accelerator: null,
  golden: { seed: 1, point: [8, 8], candidate: 1, mask: { size: [SIDE, SIDE], counts: "`0" }, predicted_iou: 0.5 },
  files: [],
};

const MODEL = parseManifest(MANIFEST);

/** One run of a model's graphs, as the worker makes it of a prompt and a view. */
export interface Decoding {
  readonly type: "decode";
  readonly id: number;
  readonly key: string;
  readonly coords: Float32Array;
  readonly labels: Int32Array;
  readonly maskInput: Float32Array | null;
}

type Told = Extract<WorkerRequest, { type: "open" | "prepare" }> | Decoding;
type Given =
  | Extract<WorkerAnswer, { type: "opened" | "prepared" | "error" }>
  | {
      readonly type: "decoded";
      readonly id: number;
      readonly logits: Float32Array;
      readonly predictedIou: Float32Array;
    };

/** What a worker's engine does; null: it never answers. */
export type Behaviour = (request: Told, worker: FakeWorker) => Given | null;

/** Opens, prepares and decodes; logits are filled with the first point's x. */
export const healthy: Behaviour = (request) => {
  const { id } = request;
  switch (request.type) {
    case "open": {
      const threads = request.engine === "wasm-threads" ? 2 : 1;
      const isAccelerated = request.manifest.accelerator !== null;
      const trial = { engine: request.engine, isAccelerated, isCorrect: true, goldenIou: 1, medianMs: 30, threads };
      return { type: "opened", id, trial: request.known?.isAccelerated === isAccelerated ? null : trial };
    }
    case "prepare":
      return { type: "prepared", id, evicted: [] };
    case "decode": {
      const logits = new Float32Array(4 * SIDE * SIDE).fill(request.coords[0]);
      return { type: "decoded", id, logits, predictedIou: Float32Array.of(0.9, 0.2, 0.8, 0.5) };
    }
  }
};

/** A worker whose engine behaves as told; what it makes of decoded logits is what the real one makes of them. */
export class FakeWorker implements WorkerPort {
  onmessage: WorkerPort["onmessage"] = null;
  onmessageerror: WorkerPort["onmessageerror"] = null;
  onerror: WorkerPort["onerror"] = null;
  /** What its engine was told to do. */
  readonly received: Told[] = [];
  isTerminated = false;
  private answering: Answering | null = null;
  private readonly prepared = new Set<string>();
  private readonly waiting = new Map<number, (given: Given) => void>();
  private nextRun = 1;
  private manifest = MODEL;

  constructor(
    private readonly behaviour: Behaviour,
    private readonly outside: { readonly fetch: typeof fetch; now(): number },
  ) {}

  postMessage(message: WorkerRequest, transfer: Transferable[]): void {
    const received = structuredClone(message, { transfer });
    if (received.type === "open" || received.type === "prepare") this.received.push(received);
    queueMicrotask(() => void this.react(received));
  }

  /** Give the answer to a decoding that was left waiting. */
  finish(given: Given | null): void {
    if (given) this.waiting.get(given.id)?.(given);
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

  private async react(request: WorkerRequest): Promise<void> {
    const answer = await this.answer(request).catch((cause: unknown): WorkerAnswer => {
      if (cause instanceof MissingView) return { type: "missing", id: request.id, key: cause.key };
      const { code, message } = toDecodeError(cause);
      return { type: "error", id: request.id, code, message };
    });
    if (answer && !this.isTerminated) this.onmessage?.({ data: answer } as MessageEvent<WorkerAnswer>);
  }

  private async answer(request: WorkerRequest): Promise<WorkerAnswer | null> {
    const { id } = request;
    const { geometry } = this.manifest;
    switch (request.type) {
      case "open":
        this.manifest = request.manifest;
        this.answering = new Answering(request.manifest, this.viewsOf(request), () => this.outside.now());
        if (request.engine === "server") return { type: "opened", id, trial: null };
        return this.behaviour(request, this) as WorkerAnswer | null;
      case "prepare":
        return this.prepare(request);
      case "answer":
        return { type: "answered", id, ...(await this.answering!.answer(request.question)) };
      case "mask":
        return { type: "masked", id, mask: maskOf(request.question, geometry) };
      case "crop":
        return { type: "framed", id, box: cropOfAnswer(request.question, geometry) };
    }
  }

  private viewsOf({ engine, server, manifest }: Extract<WorkerRequest, { type: "open" }>): Pick<ViewDecoder, "decode"> {
    if (engine === "server") return new ServerViews(manifest, { ...server, fetch: this.outside.fetch });
    return new ModelViews(manifest, {
      holds: (key) => this.prepared.has(key),
      decode: (key, coords, labels, maskInput) => this.decode(key, coords, labels, maskInput),
      prepare: () => Promise.resolve([]),
      complete: () => Promise.resolve(),
    });
  }

  private prepare(request: Extract<WorkerRequest, { type: "prepare" }>): WorkerAnswer | null {
    const given = this.behaviour(request, this);
    if (given?.type === "prepared") {
      for (const key of given.evicted) this.prepared.delete(key);
      this.prepared.add(request.key);
    }
    return given as WorkerAnswer | null;
  }

  private async decode(key: string, coords: Float32Array, labels: Int32Array, maskInput: Float32Array | null) {
    const run: Decoding = { type: "decode", id: this.nextRun++, key, coords, labels, maskInput };
    this.received.push(run);
    const given = await new Promise<Given>((resolve) => {
      this.waiting.set(run.id, resolve);
      const now = this.behaviour(run, this);
      if (now) resolve(now);
    });
    if (given.type === "error") throw new DecodeError(given.code, given.message);
    if (given.type !== "decoded") throw new Error("A decoding was answered with something else.");
    const { logits, predictedIou } = given;
    return { logits, predictedIou, decodeMs: 1 } as DecodedLogits;
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
