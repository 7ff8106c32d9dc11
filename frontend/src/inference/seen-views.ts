/** One answer of several: the same prompts asked in views of the photo, none beyond the one before (closer.ts). */
import type { BoxXyxy, LowResLogits, Size } from "../geometry/types";
import { mergedLogits, mergedScores, sharesForEach, sharesOf, showSamePart, viewOf } from "./closer";
import type { SeenView } from "./types";

export type RawAnswer = Pick<SeenView, "logits" | "predictedIou">;

/**
 * What all views gave together, on the grid of the last one. They come from afar to near, one at least. `shown`: the
 * candidate that people look at, null if it is none of these.
 */
export function mergeSeen(seen: readonly SeenView[], photo: Size, imageSize: number, shown: number | null): RawAnswer {
  const views = seen.map(({ embedding }) => viewOf(photo, embedding.cropBox, imageSize));
  const shares = sharesOf(views);
  return seen.slice(1).reduce<RawAnswer>((far, near, i) => {
    const [before, there] = [far.predictedIou, near.predictedIou];
    const isGuarded = shown !== null && !showSamePart(views[0], views[i + 1]);
    const each = isGuarded ? sharesForEach(shares[i], before, there, shown) : Array.from(before, () => shares[i]);
    return {
      logits: mergedLogits(planesOf(far), planesOf(near), [views[i], views[i + 1]], each),
      predictedIou: mergedScores(before, there, each),
    };
  }, seen[0]);
}

/** From afar to near; of two of the same part the one in a mirror comes last. */
export function fromAfar({ embedding: a }: SeenView, { embedding: b }: SeenView): number {
  return compare(area(b.cropBox), area(a.cropBox)) || Number(a.isMirrored) - Number(b.isMirrored);
}

/** The candidates' logits, in decoder order. */
export function planesOf({ logits, predictedIou }: RawAnswer): LowResLogits[] {
  const size = logits.length / predictedIou.length;
  const side = Math.sqrt(size);
  return Array.from(predictedIou, (_, i) => ({ data: logits.subarray(i * size, (i + 1) * size), side }));
}

/** The same back: planes and their scores as one answer. */
export function answerOf(planes: readonly LowResLogits[], predictedIou: readonly number[]): RawAnswer {
  const size = planes[0].data.length;
  const logits = new Float32Array(planes.length * size);
  planes.forEach(({ data }, i) => logits.set(data, i * size));
  return { logits, predictedIou };
}

function area(box: BoxXyxy | null): number {
  return box ? (box.x1 - box.x0) * (box.y1 - box.y0) : Infinity;
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b; // two infinities have no difference
}
