/** What a photo's embeddings give for a prompt: the same types for drafts, decoder and worker. */
import type { BoxXyxy, LowResLogits } from "../geometry/types";

/** One embedding: of the whole photo (cropBox null) or of a part of it, plain or flipped. */
export interface EmbeddingRef {
  /** `{image sha256}-{model_version}-{crop}-{dtype}`. */
  readonly key: string;
  readonly url: string;
  readonly imageId: number;
  readonly cropBox: BoxXyxy | null;
  readonly isFlipped: boolean;
}

/** The model version in an embedding's key, `{sha256}-{model_version}-{crop}-{dtype}`; versions may hold dashes. */
export function modelVersionOf({ key }: Pick<EmbeddingRef, "key">): string {
  return key.split("-").slice(1, -2).join("-");
}

/** What the decoder gave in one view, as the photo lies: 4 x side x side logits in decoder order, and their predicted IoU. */
export interface RawAnswer {
  readonly logits: Float32Array;
  readonly predictedIou: ArrayLike<number>;
}

/** The answer of one view alone. */
export interface DecodedView extends RawAnswer {
  readonly embedding: EmbeddingRef;
}

/** The mask prompt of a view. */
export interface ViewStart {
  readonly cropBox: BoxXyxy | null;
  readonly isFlipped: boolean;
  readonly logits: LowResLogits;
}

/** The mask on the screen before the last point. */
export interface PreviousMask {
  readonly cropBox: BoxXyxy | null;
  readonly logits: LowResLogits;
}

/** One of the model's answers; index 0 is the single-mask token, 1 to 3 the ambiguous ones. */
export interface Candidate {
  readonly index: number;
  readonly predictedIou: number;
  readonly stabilityScore: number;
  /** Of all views together. */
  readonly logits: LowResLogits;
  /** The same after the mask policy: these are thresholded. */
  readonly maskLogits: LowResLogits;
}
