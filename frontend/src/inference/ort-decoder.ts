/**
 * The three graphs of a model on one engine of ONNX Runtime: prepare an embedding, then decode prompts on it.
 *
 * Runs inside the worker. Knows nothing of images, prompts as people give them, or messages.
 */
import { parseNpy, NpyError } from "../geometry/npy";
import { ByteLru } from "./byte-lru";
import { DecodeError } from "./errors";
import { goldenEmbedding, goldenIou, goldenPrompt, SMALLEST_GOLDEN_IOU } from "./golden";
import type { Feed, Graph, GraphRuntime, Upscaler, Values } from "./graph-runtime";
import type { GraphName, Manifest } from "./manifest";
import type { EngineTrial } from "./types";
import type { LocalEngine } from "./protocol";

export interface ModelBytes {
  readonly graphs: Readonly<Record<GraphName, Uint8Array>>;
  readonly weightsName: string;
  readonly weights: Uint8Array;
  /** With graphs that end before the up-scaling. */
  readonly upscaling: { readonly eps: number; readonly weights: Uint8Array } | null;
}

export interface DecodedLogits {
  readonly logits: Float32Array<ArrayBuffer>;
  readonly predictedIou: Float32Array<ArrayBuffer>;
  readonly decodeMs: number;
}

const GOLDEN_RUNS = 5;

export class OrtDecoder {
  private readonly terms: ByteLru<Values>;
  private readonly sessions: Partial<Record<GraphName, Graph>> = {};
  private readonly upscaler: Upscaler | null;

  private constructor(
    private readonly runtime: GraphRuntime,
    private readonly manifest: Manifest,
    private model: ModelBytes | null,
    private readonly engine: LocalEngine,
    budgetBytes: number,
  ) {
    this.terms = new ByteLru(budgetBytes, releaseAll);
    const { embedDim: channels, grid } = manifest;
    const upscaling = model?.upscaling;
    this.upscaler = upscaling ? runtime.openUpscaler({ channels, grid, ...upscaling }) : null;
  }

  /**
   * Create the sessions that a first click needs, one after the other: the runtime must not be entered twice. The one
   * for refinements waits for the first decode or for a prompt that needs it, so that the page can be used earlier.
   */
  static async create(
    runtime: GraphRuntime,
    manifest: Manifest,
    model: ModelBytes,
    engine: LocalEngine,
    budgetBytes: number,
  ): Promise<OrtDecoder> {
    const decoder = new OrtDecoder(runtime, manifest, model, engine, budgetBytes);
    await decoder.session("prepare");
    await decoder.session("first");
    return decoder;
  }

  /** Create the session for refinements if it is not there; not while another call runs. */
  async complete(): Promise<void> {
    await this.session("refine");
    this.model = null; // the runtime has copied what it needs
  }

  private async session(name: GraphName): Promise<Graph> {
    const open = this.sessions[name];
    if (open) return open;
    const { model } = this;
    if (!model) throw new DecodeError("engine_failed", `The model's ${name} graph is gone.`);
    const { graphs, weightsName, weights } = model;
    const created = await this.runtime.open({ graph: graphs[name], weightsName, weights });
    this.sessions[name] = created;
    return created;
  }

  /** Run the prepare graph on an embedding file; returns the keys that had to be dropped for it. */
  async prepare(key: string, npy: ArrayBuffer): Promise<string[]> {
    return this.prepareBits(key, this.readEmbedding(npy));
  }

  /** Answer one prompt. The key's embedding must have been prepared. */
  async decode(
    key: string,
    coords: Float32Array,
    labels: Int32Array,
    maskInput: Float32Array | null,
  ): Promise<DecodedLogits> {
    const terms = this.terms.get(key);
    if (!terms) throw new DecodeError("embedding_missing", "The embedding was not prepared.");
    const count = labels.length;
    const { maskSide } = this.manifest;
    const feeds: Record<string, Feed> = {
      point_coords: { type: "float32", data: coords, dims: [1, count, 2] },
      point_labels: { type: "int32", data: labels, dims: [1, count] },
    };
    if (maskInput) feeds.mask_input = { type: "float32", data: maskInput, dims: [1, 1, maskSide, maskSide] };
    const session = await this.session(maskInput ? "refine" : "first");
    const start = performance.now();
    const answer = await session.run(feeds, terms);
    try {
      const predictedIou = answer.predicted_iou.floats();
      const logits = this.upscaler ? this.upscaler.logits(answer, terms) : answer.low_res_logits.floats();
      return { logits, predictedIou, decodeMs: performance.now() - start };
    } finally {
      releaseAll(answer);
    }
  }

  /** Decode the golden case and measure it. */
  async tryGolden(): Promise<EngineTrial> {
    const { golden, embedDim, grid } = this.manifest;
    await this.prepareBits("golden", goldenEmbedding(golden.seed, embedDim, grid));
    const { coords, labels } = goldenPrompt(golden);
    const times: number[] = [];
    let iou = 1;
    for (let run = 0; run < GOLDEN_RUNS; run++) {
      const answer = await this.decode("golden", coords, labels, null);
      times.push(answer.decodeMs);
      iou = Math.min(iou, goldenIou(this.manifest, answer.logits, answer.predictedIou));
    }
    this.terms.clear();
    times.sort((a, b) => a - b);
    return {
      engine: this.engine,
      isCorrect: iou >= SMALLEST_GOLDEN_IOU,
      goldenIou: iou,
      medianMs: times[times.length >> 1],
      threads: this.runtime.threads,
    };
  }

  private async prepareBits(key: string, bits: Uint16Array): Promise<string[]> {
    const { embedDim, grid } = this.manifest;
    const embedding = { type: "float16", data: bits, dims: [1, embedDim, grid, grid] } as const;
    const terms = await (await this.session("prepare")).run({ embedding });
    const bytes = Object.values(terms).reduce((sum, term) => sum + term.bytes, 0);
    return this.terms.set(key, terms, bytes);
  }

  private readEmbedding(npy: ArrayBuffer): Uint16Array {
    const { embedDim, grid } = this.manifest;
    let array;
    try {
      array = parseNpy(npy);
    } catch (cause) {
      if (!(cause instanceof NpyError)) throw cause;
      throw new DecodeError("embedding_missing", `The embedding is damaged: ${cause.message}.`, { cause });
    }
    if (array.dtype !== "float16" || array.shape.join() !== [1, embedDim, grid, grid].join()) {
      throw new DecodeError("embedding_mismatch", `The embedding has shape ${array.shape.join(" x ")}.`);
    }
    return array.bits;
  }
}

function releaseAll(values: Values): void {
  for (const value of Object.values(values)) value.release();
}
