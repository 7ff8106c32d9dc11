/** SAM 2.1's single mask gives way to the best of the three others where it is not stable (sam_core/modeling/sam2.py). */

export interface StableSingle {
  /** Stability is the IoU of the mask cut off at +-delta; 1 where it is empty. */
  readonly delta: number;
  /** Least stability that a single mask needs. */
  readonly threshold: number;
}

/** Replace mask and score 0 where needed, in place. logits: four masks of one size, predictedIou: theirs. */
export function steadySingleMask(
  logits: Float32Array,
  predictedIou: Float32Array,
  { delta, threshold }: StableSingle,
): void {
  const length = logits.length / predictedIou.length;
  let [inner, outer] = [0, 0];
  for (let i = 0; i < length; i++) {
    if (logits[i] > delta) inner++;
    if (logits[i] > -delta) outer++;
  }
  if (outer === 0 || inner / outer >= threshold) return;
  let best = 1;
  for (let mask = 2; mask < predictedIou.length; mask++) if (predictedIou[mask] > predictedIou[best]) best = mask;
  logits.copyWithin(0, best * length, (best + 1) * length);
  predictedIou[0] = predictedIou[best];
}
