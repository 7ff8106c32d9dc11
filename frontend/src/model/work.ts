/** What the panels know of the data engine: the review of the open image, and what of it is still without a mask. */
import type { Coverage } from "../geometry/coverage";
import type { Place } from "../geometry/places";

/** `judge`: it waits for this person's verdict; `returned`: a reviewer sent it back to this person. */
export interface ReviewInfo {
  readonly kind: "judge" | "returned";
  /** Whether this person submitted it. */
  readonly isOwn: boolean;
  readonly byName: string;
  readonly comment: string;
  readonly isSending: boolean;
}

export type Verdict = "accepted" | "returned";

export interface Remaining {
  readonly coverage: Coverage;
  /** Share of the photo that no mask covers, 0 to 1. */
  readonly share: number;
  /** Where an object may be, the likeliest first. */
  readonly places: readonly Place[];
  /** The place that was gone to last; -1 before the first. */
  readonly at: number;
  /** How many places the walk has been to. */
  readonly visited: number;
  /** The model is being asked about what is not covered. */
  readonly isAsking: boolean;
}
