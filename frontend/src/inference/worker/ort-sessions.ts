/** ONNX graphs through onnxruntime-web's public interface, opened by their names with the weights that they share. */
import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-web";

import { DecodeError } from "../protocol/errors";
import type { Feed, Feeds } from "./decoder-backend";
import type { GraphBytes } from "./model-files";

/** The part of onnxruntime-web that is used, whichever of its builds. */
export interface OrtLibrary {
  readonly InferenceSession: {
    create(model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: new (type: Feed["type"], data: Feed["data"], dims: readonly number[]) => Tensor;
}

export type Provider = "wasm" | "webgpu";
export type Tensors = Readonly<Record<string, Tensor>>;

/** Or the pool's threads would spin for milliseconds after each run, on the cores that the page paints with. */
const SPIN_ONLY_WHILE_RUNNING = { session: { force_spinning_stop: "1" } };

/** Calls must not overlap: the runtime must not be entered twice. */
export class OrtSessions<Name extends string> {
  private readonly sessions = new Map<Name, InferenceSession>();

  constructor(
    private readonly library: OrtLibrary,
    private files: GraphBytes<Name> | null,
    private readonly provider: Provider,
  ) {}

  /** Open a graph if it is not open. */
  async open(name: Name): Promise<InferenceSession> {
    const open = this.sessions.get(name);
    if (open) return open;
    const { files } = this;
    if (!files) throw new DecodeError("engine_failed", `The model's ${name} graph is gone.`);
    const session = await this.library.InferenceSession.create(files.graphs[name], {
      executionProviders: [this.provider],
      graphOptimizationLevel: "all",
      externalData: [{ path: files.weightsName, data: files.weights }],
      extra: SPIN_ONLY_WHILE_RUNNING,
    });
    this.sessions.set(name, session);
    return session;
  }

  /** Run a graph once; the arrays of its outputs are made for the caller. */
  async run(name: Name, inputs: Tensors): Promise<InferenceSession.OnnxValueMapType> {
    return (await this.open(name)).run(inputs);
  }

  /** Let the files go: every graph that will be needed is open. */
  forgetFiles(): void {
    this.files = null;
  }

  tensorsOf(feeds: Feeds): Tensors {
    const { Tensor } = this.library;
    return Object.fromEntries(
      Object.entries(feeds).map(([name, { type, data, dims }]) => [name, new Tensor(type, data, dims)]),
    );
  }
}

export function floatsOf(tensor: InferenceSession.OnnxValueMapType[string]): Float32Array<ArrayBuffer> {
  return (tensor as TypedTensor<"float32">).data as Float32Array<ArrayBuffer>;
}
