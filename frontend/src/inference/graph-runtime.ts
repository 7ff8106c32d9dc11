/** What the decoder needs of an inference runtime, whichever it is. Knows nothing of models or prompts. */

/** A graph's file, and the file of weights that it names. */
export interface GraphFiles {
  readonly graph: Uint8Array;
  readonly weightsName: string;
  readonly weights: Uint8Array;
}

/** Numbers for one run. float16 comes as its bits. */
export type Feed =
  | { readonly type: "float32"; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly type: "int32"; readonly data: Int32Array; readonly dims: readonly number[] }
  | { readonly type: "float16"; readonly data: Uint16Array; readonly dims: readonly number[] };

/** An output where the runtime keeps it: an input of later runs without a copy, until it is released. */
export interface Value {
  readonly bytes: number;
  /** A copy of its float32 numbers, with a buffer of its own. */
  floats(): Float32Array<ArrayBuffer>;
  release(): void;
}

export type Values = Readonly<Record<string, Value>>;

export interface Graph {
  /** Run once; every output must be released. Runs of one runtime must not overlap. */
  run(feeds: Readonly<Record<string, Feed>>, values?: Values): Promise<Values>;
}

/** Sizes of a decoder's up-scaling; weights as sam_core/onnx/upscaling.py writes them. */
export interface UpscalingFiles {
  readonly channels: number;
  readonly grid: number;
  readonly eps: number;
  readonly weights: Uint8Array;
}

/** The decoder's last part outside the graph: from what a rows graph answers to the logits of the four masks. */
export interface Upscaler {
  logits(answer: Values, terms: Values): Float32Array<ArrayBuffer>;
}

export interface GraphRuntime {
  readonly threads: number;
  /** Whether it can go on from rows graphs; without, whole graphs are needed. */
  readonly canUpscale: boolean;
  /** Make a graph ready to run; not while another call runs. */
  open(files: GraphFiles): Promise<Graph>;
  /** Only where canUpscale. */
  openUpscaler(files: UpscalingFiles): Upscaler;
}
