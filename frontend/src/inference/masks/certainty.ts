/**
 * How much one answer may weigh in an average of several: beyond a bound, being surer counts no more.
 * Mirrors masks/certainty.py of sam_core.
 */
const CERTAIN = 8;

export function limitCertainty(logit: number): number {
  return logit < -CERTAIN ? -CERTAIN : logit > CERTAIN ? CERTAIN : logit;
}
