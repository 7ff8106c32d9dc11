/** What differs between two paintings of the masks, so that a small change need not paint thousands anew. Pure. */
import { surroundBoxes } from "../geometry/boxes";
import type { ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy } from "../geometry/types";
import type { MaskStyle } from "./mask-style";

export interface PaintedMask {
  readonly id: string;
  readonly mask: ColumnMask;
  readonly bounds: BoxXyxy;
  readonly style: MaskStyle;
}

/** More changed masks than this are not worth a patch. */
const MOST_CHANGES = 64;

/**
 * The box around everything that looks different; null when nothing does, "everything" when too much does or the order
 * of what stayed has changed.
 */
export function changedBox(
  before: readonly PaintedMask[],
  after: readonly PaintedMask[],
): BoxXyxy | "everything" | null {
  const old = new Map(before.map((mask) => [mask.id, mask]));
  const changed: PaintedMask[] = [];
  const stayed: string[] = [];
  for (const mask of after) {
    const known = old.get(mask.id);
    if (known && looksSame(known, mask)) {
      stayed.push(mask.id);
      old.delete(mask.id);
    } else changed.push(mask);
  }
  changed.push(...old.values());
  if (changed.length > MOST_CHANGES) return "everything";
  const left = before.filter(({ id }) => !old.has(id));
  if (left.some(({ id }, i) => id !== stayed[i])) return "everything";
  return changed.length === 0 ? null : changed.map(({ bounds }) => bounds).reduce(surroundBoxes);
}

function looksSame(a: PaintedMask, b: PaintedMask): boolean {
  if (a.mask !== b.mask || a.style.fillAlpha !== b.style.fillAlpha) return false;
  if (a.style.outline !== b.style.outline || a.style.lineWidth !== b.style.lineWidth) return false;
  return a.style.color.every((part, i) => part === b.style.color[i]);
}
