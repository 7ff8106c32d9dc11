/** One answer of two: the same prompts asked in a view of the photo and in a part of it (closer.ts). */
import type { BoxXyxy, LowResLogits, Size } from "../geometry/types";
import { mergedLogits, mergedScores, viewOf } from "./closer";
import type { EmbeddingRef, OtherView } from "./types";

export interface RawAnswer {
  /** 4 x side x side, in decoder order. */
  readonly logits: Float32Array;
  readonly predictedIou: ArrayLike<number>;
}

export interface MergedAnswer extends RawAnswer {
  /** The part, in whose view the answer is. */
  readonly closer: EmbeddingRef;
}

/** Merge the answer of a view with that of another one, of which it is a part or which is a part of it. */
export function mergeViews(
  { embedding, originalSize }: { readonly embedding: EmbeddingRef; readonly originalSize: Size },
  own: RawAnswer,
  other: OtherView,
  imageSize: number,
): MergedAnswer {
  const here = { embedding, ...answerOf(own) };
  const there = {
    embedding: other.embedding,
    planes: other.candidates.map(({ logits }) => logits),
    scores: other.candidates.map(({ predictedIou }) => predictedIou),
  };
  const [far, near] = isCloser(embedding, other.embedding) ? [there, here] : [here, there];
  const view = viewOf(originalSize, far.embedding.cropBox, imageSize);
  const closer = viewOf(originalSize, near.embedding.cropBox, imageSize);
  return {
    logits: mergedLogits(far.planes, near.planes, view, closer),
    predictedIou: mergedScores(far.scores, near.scores, view, closer),
    closer: near.embedding,
  };
}

/** Whether the first view is a part of the second. */
export function isCloser({ cropBox }: EmbeddingRef, { cropBox: around }: EmbeddingRef): boolean {
  return cropBox !== null && (around === null || area(cropBox) < area(around));
}

function answerOf({ logits, predictedIou }: RawAnswer) {
  const scores = Array.from(predictedIou);
  const size = logits.length / scores.length;
  const side = Math.sqrt(size);
  const planes = scores.map((_, i): LowResLogits => ({ data: logits.subarray(i * size, (i + 1) * size), side }));
  return { planes, scores };
}

function area({ x0, y0, x1, y1 }: BoxXyxy): number {
  return (x1 - x0) * (y1 - y0);
}
