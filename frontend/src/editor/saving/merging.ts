/**
 * What becomes of a mask that two people changed at once: one mask with both changes where they differ, else nothing,
 * and a person has to choose. Pure.
 */
import type { JournalEntry } from "../../api/journal";
import { maskFromWire, recordFromRow, type AnnotationRow, type WireFields } from "../../api/wire";
import { mergeEdits } from "../../geometry/three-way";
import { withMask, type MaskRecord } from "../../model/mask-record";

/** The fields of a row that a revision remembers. */
export type BaseFields = Pick<AnnotationRow, "counts"> & Partial<AnnotationRow>;

/** A lost race: what I sent and hold, what is there instead, and what both began with. */
export interface Race {
  readonly lost: readonly JournalEntry[];
  readonly mine: MaskRecord;
  readonly theirs: AnnotationRow;
  readonly base: BaseFields;
}

/** Notes about edits and time, and what the model thought of the mask, follow the mask and decide nothing. */
const FOLLOWERS: readonly string[] = ["provenance", "active_ms", "predicted_iou", "stability_score"];

/** Their row with my changes on top; null where both changed the same. */
export function mergeRace({ lost, mine, theirs, base }: Race): MaskRecord | null {
  if (lost.some(({ operation }) => operation.type !== "update")) return null;
  const fields = lost.reduce<WireFields>((all, { operation }) => ({ ...all, ...operation.fields }), {});
  const clashes = (Object.keys(fields) as (keyof WireFields)[]).filter(
    (name) => !FOLLOWERS.includes(name) && JSON.stringify(base[name]) !== JSON.stringify(theirs[name]),
  );
  if (clashes.length === 0) return recordFromRow({ ...theirs, ...fields });
  if (clashes.some((name) => name !== "counts")) return null;
  const [mask, theirMask] = [base.counts, theirs.counts].map((counts) => maskFromWire(counts, theirs.size));
  const merged = mergeEdits(mask, mine.mask, theirMask);
  return merged && withMask(recordFromRow({ ...theirs, ...fields }), merged);
}
