/** What computes a model's answers in the worker: the plain graphs or the accelerator. Knows no engine and no message. */

/** Numbers of one tensor. float16 comes as its bits. */
export type Feed =
  | { readonly type: "float32"; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly type: "int32"; readonly data: Int32Array; readonly dims: readonly number[] }
  | { readonly type: "float16"; readonly data: Uint16Array; readonly dims: readonly number[] };

/** Tensors by the names that the graphs give their inputs. */
export type Feeds = Readonly<Record<string, Feed>>;

/** An embedding where the backend keeps it, until it is released. */
export interface PreparedImage {
  readonly bytes: number;
  release(): void;
}

/** Masks 4 x S x S and predicted IoU (4), in decoder order; arrays with buffers of their own. */
export interface DecodedPrompt {
  readonly logits: Float32Array<ArrayBuffer>;
  readonly predictedIou: Float32Array<ArrayBuffer>;
}

/** Calls must not overlap. */
export interface DecoderBackend<Image extends PreparedImage = PreparedImage> {
  readonly threads: number;
  readonly isAccelerated: boolean;
  /** Make an image ready; `embedding` by the manifest's names. */
  prepare(embedding: Feeds): Promise<Image>;
  /** Answer point_coords, point_labels and, where there is one, mask_input. */
  decode(image: Image, prompt: Feeds): Promise<DecodedPrompt>;
  /** Load what only refinements need. */
  complete(): Promise<void>;
}
