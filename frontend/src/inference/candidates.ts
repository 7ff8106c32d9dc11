/** From the graph's output to candidates, and which one to show. Mirrors Predictor and masks/stability.py of sam_core. */
import type { LowResLogits, Prompt } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import type { Candidate } from "./types";

const STABILITY_OFFSET = 1;
const INDICES = [0, 1, 2, 3] as const;

/** Cut logits (4 x side x side, shared) and scores into candidates, in decoder order. */
export function toCandidates(
  logits: Float32Array,
  predictedIou: ArrayLike<number>,
  geometry: MaskGeometry,
): Candidate[] {
  const side = Math.sqrt(logits.length / INDICES.length);
  return INDICES.map((index) => {
    const own: LowResLogits = { data: logits.subarray(index * side * side, (index + 1) * side * side), side };
    return { index, predictedIou: predictedIou[index], stabilityScore: stabilityScore(own, geometry), logits: own };
  });
}

/** A single click is ambiguous: the best of 1..3 by predicted IoU. A box or more prompts: 0. ADR 0017. */
export function chooseCandidate(prompts: readonly Prompt[], candidates: readonly Candidate[]): Candidate["index"] {
  if (prompts.length > 1 || prompts.some(({ kind }) => kind === "box")) return 0;
  return candidates.slice(1).reduce((best, next) => (next.predictedIou > best.predictedIou ? next : best)).index;
}

/** Area above +1 over area above -1, on the part of the logits that lies on the photo. */
export function stabilityScore({ data, side }: LowResLogits, { imageSize, inputSize }: MaskGeometry): number {
  const rows = Math.ceil((inputSize.height * side) / imageSize);
  const columns = Math.ceil((inputSize.width * side) / imageSize);
  let [inner, outer] = [0, 0];
  for (let y = 0; y < rows; y++) {
    for (let i = y * side; i < y * side + columns; i++) {
      if (data[i] > -STABILITY_OFFSET) outer++;
      if (data[i] > STABILITY_OFFSET) inner++;
    }
  }
  return outer === 0 ? 0 : inner / outer;
}
