/** The part of inference/ that the editor counts on; a fake with the same shape stands in for it in tests. */
import type { ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy, LowResLogits, Prompt, Size } from "../geometry/types";
import type { SampledMask } from "../geometry/upsample";
import type { Look } from "../inference/closer";
import type { Draft, DraftCandidate, EmbeddingSource, SeenView } from "../model/draft";

export type { Look } from "../inference/closer";
export { TIMES as TIMES_THOUGHT_OVER } from "../inference/second-thoughts";
export type { EmbeddingSource, SeenView } from "../model/draft";

export interface DecodeAnswer {
  readonly candidates: readonly DraftCandidate[];
  readonly chosen: number;
  readonly decodeMs: number;
  /** What each view gave, from afar to near. The candidates are in the nearest. */
  readonly seen: readonly SeenView[];
}

export interface DecodeQuestion {
  readonly kind: "hover" | "click";
  readonly embedding: EmbeddingSource;
  readonly imageSize: Size;
  readonly prompts: readonly Prompt[];
  readonly maskInput: LowResLogits | null;
  /** What other views answered to the same prompts: all become one answer. */
  readonly seen?: readonly SeenView[];
  /** The candidate that was shown before; it stays unless another one is clearly better. */
  readonly kept?: number | null;
  readonly signal: AbortSignal;
}

/** What second thoughts come to, for what is shown by then. */
export type Conclusion = (shown: Pick<Draft, "chosen" | "isChosenByHand">) => DecodeAnswer;

export interface Decoder {
  decode(question: DecodeQuestion): Promise<DecodeAnswer>;
  /** The three masks that stand best for all that a lone click may mean; null where that gains nothing. */
  thinkAgain(answered: Draft, imageSize: Size, signal: AbortSignal): Promise<Conclusion | null>;
  /** The mask at the photo's own size that a candidate's logits stand for. */
  toMask(logits: LowResLogits, imageSize: Size, cropBox: BoxXyxy | null): ColumnMask;
  /** The same mask, every `step`-th pixel of it: to look at, and quickly there. */
  toSampledMask(logits: LowResLogits, imageSize: Size, cropBox: BoxXyxy | null, step: number): SampledMask;
  /** What to look at next after an answer; null where that would show no more. */
  nextLook(answered: Draft, imageSize: Size): Look | null;
  /** Whether anything will be looked at: then the photo in a mirror will be, first of all. */
  looksCloser(): boolean;
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
