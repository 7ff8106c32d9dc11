/** What the panels know of the data engine: the review of the open image, and what of it is still without a mask. */
import type { Coverage, Gap } from "../geometry/coverage";

/** `judge`: it waits for this person's verdict; `returned`: a reviewer sent it back to this person. */
export interface ReviewInfo {
  readonly kind: "judge" | "returned";
  readonly byName: string;
  readonly comment: string;
  readonly isSending: boolean;
}

export type Verdict = "accepted" | "returned";

export interface Remaining {
  readonly coverage: Coverage;
  /** Share of the photo that no mask covers, 0 to 1. */
  readonly share: number;
  readonly gaps: readonly Gap[];
  /** The gap that was gone to last; -1 before the first. */
  readonly at: number;
}
