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

export interface GraphRuntime {
  readonly threads: number;
  /** Make a graph ready to run; not while another call runs. */
  open(files: GraphFiles): Promise<Graph>;
}
