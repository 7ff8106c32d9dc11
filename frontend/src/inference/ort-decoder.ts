/**
 * The three graphs of a model on one engine of ONNX Runtime Web: prepare an embedding, then decode prompts on it.
 *
 * Runs inside the worker. Knows nothing of images, prompts as people give them, or messages.
 */
import type { Env, InferenceSession, Tensor, TypedTensor } from "onnxruntime-web";

import { parseNpy, NpyError } from "../geometry/npy";
import { ByteLru } from "./byte-lru";
import { DecodeError } from "./errors";
import { goldenEmbedding, goldenIou, goldenPrompt, SMALLEST_GOLDEN_IOU } from "./golden";
import type { GraphName, Manifest } from "./manifest";
import type { EngineTrial } from "./types";
import type { LocalEngine } from "./protocol";

/** The parts of the runtime that are used, so that tests can run without its 14 MB. */
export interface Runtime {
  readonly env: Env;
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: typeof Tensor;
}

export interface ModelBytes {
  readonly graphs: Readonly<Record<GraphName, Uint8Array>>;
  readonly weightsName: string;
  readonly weights: Uint8Array;
}

export interface DecodedLogits {
  readonly logits: Float32Array;
  readonly predictedIou: Float32Array;
  readonly decodeMs: number;
}

type Terms = Readonly<Record<string, Tensor>>;

const GOLDEN_RUNS = 5;

export class OrtDecoder {
  private readonly terms: ByteLru<Terms>;
  private readonly sessions: Partial<Record<GraphName, InferenceSession>> = {};

  private constructor(
    private readonly runtime: Runtime,
    private readonly manifest: Manifest,
    private model: ModelBytes | null,
    private readonly engine: LocalEngine,
    budgetBytes: number,
  ) {
    this.terms = new ByteLru(budgetBytes, disposeAll);
  }

  /**
   * Create the sessions that a first click needs, one after the other: the runtime must not be entered twice. The one
   * for refinements waits for the first decode or for a prompt that needs it, so that the page can be used earlier.
   */
  static async create(
    runtime: Runtime,
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

  private async session(name: GraphName): Promise<InferenceSession> {
    const open = this.sessions[name];
    if (open) return open;
    const { model, engine } = this;
    if (!model) throw new DecodeError("engine_failed", `The model's ${name} graph is gone.`);
    const created = await this.runtime.InferenceSession.create(model.graphs[name], {
      executionProviders: [engine === "webgpu" ? "webgpu" : "wasm"],
      graphOptimizationLevel: "all",
      externalData: [{ path: model.weightsName, data: model.weights }],
    });
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
    const { Tensor } = this.runtime;
    const count = labels.length;
    const feeds: Record<string, Tensor> = {
      ...terms,
      point_coords: new Tensor("float32", coords, [1, count, 2]),
      point_labels: new Tensor("int32", labels, [1, count]),
    };
    const { maskSide } = this.manifest;
    if (maskInput) feeds.mask_input = new Tensor("float32", maskInput, [1, 1, maskSide, maskSide]);
    const session = await this.session(maskInput ? "refine" : "first");
    const start = performance.now();
    const answer = await session.run(feeds);
    const decodeMs = performance.now() - start;
    return {
      logits: (answer.low_res_logits as TypedTensor<"float32">).data,
      predictedIou: (answer.predicted_iou as TypedTensor<"float32">).data,
      decodeMs,
    };
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
      threads: this.engine === "webgpu" ? 1 : (this.runtime.env.wasm.numThreads ?? 1),
    };
  }

  private async prepareBits(key: string, bits: Uint16Array): Promise<string[]> {
    const { embedDim, grid } = this.manifest;
    const embedding = new this.runtime.Tensor("float16", bits, [1, embedDim, grid, grid]);
    const terms = await (await this.session("prepare")).run({ embedding });
    const bytes = Object.values(terms).reduce((sum, term) => sum + 4 * term.size, 0);
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

function disposeAll(terms: Terms): void {
  for (const term of Object.values(terms)) term.dispose();
}
