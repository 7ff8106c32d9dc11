/** Asks the model what it takes for an object at a place. */
import { maskBounds, maskContains } from "../../geometry/column-mask";
import type { Proposal } from "../../geometry/places";
import type { ImagePoint, Size } from "../../geometry/types";
import type { EmbeddingRef } from "../../model/embedding-views";
import type { Decoder } from "./decoder-port";

/** Every so many pixels of the photo are looked at, a power of two: proposals are only counted and framed. */
function stepFor({ width, height }: Size): number {
  return 2 ** Math.max(Math.floor(Math.log2(Math.max(width, height) / 256)), 0);
}

/** Null where there is no object, or no embedding to ask. Gives way to whatever a person asks. */
export async function proposeAt(
  decoder: Pick<Decoder, "decode">,
  embedding: EmbeddingRef | null,
  imageSize: Size,
  point: ImagePoint,
  signal: AbortSignal,
): Promise<Proposal | null> {
  if (!embedding) return null;
  const prompts = [{ kind: "point", point, label: 1 }] as const;
  const asked = {
    kind: "hover",
    views: [embedding],
    originalSize: imageSize,
    prompts,
    step: stepFor(imageSize),
  } as const;
  const { candidates, chosen, sampled } = await decoder.decode({ ...asked, starts: [], before: null, signal });
  const { predictedIou, stabilityScore } = candidates[chosen];
  const { mask, step } = sampled;
  const small = maskBounds(mask);
  if (!small) return null;
  return {
    bounds: { x0: small.x0 * step, y0: small.y0 * step, x1: small.x1 * step, y1: small.y1 * step },
    score: Math.min(predictedIou, 1) * stabilityScore,
    contains: (x, y) => maskContains(mask, x / step, y / step),
  };
}
