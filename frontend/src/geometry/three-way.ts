/**
 * Joins two people's edits of one mask, as far as they were made in different regions. Pure.
 */
import { combineMasks, isEmpty, maskBounds, type ColumnMask } from "./column-mask";
import { boxesMeet } from "./boxes";

/**
 * `theirs` with what `mine` changed in `base` on top. Null when both changed one region, where only a person can tell
 * which of the two is right, or when nothing would be left.
 */
export function mergeEdits(base: ColumnMask, mine: ColumnMask, theirs: ColumnMask): ColumnMask | null {
  const added = combineMasks(mine, base, "subtract");
  const removed = combineMasks(base, mine, "subtract");
  const myRegion = maskBounds(combineMasks(added, removed, "union"));
  const theirRegion = maskBounds(difference(base, theirs));
  if (myRegion && theirRegion && boxesMeet(myRegion, theirRegion)) return null;
  const merged = combineMasks(combineMasks(theirs, added, "union"), removed, "subtract");
  return isEmpty(merged) ? null : merged;
}

function difference(a: ColumnMask, b: ColumnMask): ColumnMask {
  return combineMasks(combineMasks(a, b, "subtract"), combineMasks(b, a, "subtract"), "union");
}
