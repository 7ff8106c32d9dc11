/** The part of inference/ that the editor counts on; a fake with the same shape stands in for it in tests. */
import type { ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy, LowResLogits, Prompt, Size } from "../geometry/types";
import type { SampledMask } from "../geometry/upsample";
import type { Draft, DraftCandidate } from "../model/draft";

/** One embedding: the whole photo's (`cropBox` null) or that of a part of it. */
export interface EmbeddingSource {
  readonly imageId: number;
  readonly url: string;
  readonly key: string;
  readonly cropBox: BoxXyxy | null;
}

export interface OtherView {
  readonly embedding: EmbeddingSource;
  readonly candidates: readonly DraftCandidate[];
  readonly chosen: number;
}

export interface DecodeAnswer {
  readonly candidates: readonly DraftCandidate[];
  readonly chosen: number;
  readonly decodeMs: number;
  /** Of two views: what the wider one gave by itself. The candidates are in the closer one. */
  readonly afar: OtherView | null;
}

export interface DecodeQuestion {
  readonly kind: "hover" | "click";
  readonly embedding: EmbeddingSource;
  readonly imageSize: Size;
  readonly prompts: readonly Prompt[];
  readonly maskInput: LowResLogits | null;
  /** What another view answered, of which this one is a part or the other way round: both become one. */
  readonly other?: OtherView | null;
  readonly signal: AbortSignal;
}

export interface Decoder {
  decode(question: DecodeQuestion): Promise<DecodeAnswer>;
  /** The mask at the photo's own size that a candidate's logits stand for. */
  toMask(logits: LowResLogits, imageSize: Size, cropBox: BoxXyxy | null): ColumnMask;
  /** The same mask, every `step`-th pixel of it: to look at, and quickly there. */
  toSampledMask(logits: LowResLogits, imageSize: Size, cropBox: BoxXyxy | null, step: number): SampledMask;
  /** The part of the photo to look at more closely after an answer; null where that would show no more. */
  partToLookAt(answered: Draft, imageSize: Size): BoxXyxy | null;
  prefetch(embedding: EmbeddingSource): void;
  /** This image is the open one: bring the model of its embedding, and the embedding itself. */
  use(embedding: EmbeddingSource): void;
  /** The photo of this embedding can be seen: look at it before somebody clicks. */
  look(embedding: EmbeddingSource, imageSize: Size): void;
}

/** The model version in an embedding's key, `{sha256}-{model_version}-{crop}-{dtype}`; versions may hold dashes. */
export function modelVersionOf({ key }: Pick<EmbeddingSource, "key">): string {
  return key.split("-").slice(1, -2).join("-");
}
