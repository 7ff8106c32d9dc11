/** How good a suggestion must be to be shown, and which masks are shown. */
import type { MaskRecord } from "./mask-record";

export interface SuggestionFilter {
  readonly minIou: number;
  readonly minStability: number;
}

/** Rejected masks never show; suggestions do when both their scores are good enough. */
export function isShown(record: MaskRecord, filter: SuggestionFilter): boolean {
  if (record.state === "rejected") return false;
  if (record.state === "accepted") return true;
  return (record.predictedIou ?? 1) >= filter.minIou && (record.stabilityScore ?? 1) >= filter.minStability;
}
