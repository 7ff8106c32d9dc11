/**
 * Masks without specks: stray parts and pin holes that nobody clicked on go. Mirrors masks/specks.py of sam_core, which
 * states the rule; fixtures/golden/specks holds both to the same bits. ADR 0020.
 */
import { combineMasks, maskArea, maskContains, maskFromBitmap, uniteMasks } from "../geometry/column-mask";
import type { ColumnMask } from "../geometry/column-mask";
import { connectedParts, findHoles } from "../geometry/regions";
import type { LowResLogits } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import { cellOf, cellsOnPhoto } from "./cells";
import { BACKGROUND, FOREGROUND, type PromptTokens } from "./prompt-tokens";

/** The largest part over the smallest that stays. */
const LEAST_PART = 10;
/** The mask over the smallest hole that stays. */
const LEAST_HOLE = 100;

/** Logits whose mask above zero has no specks; the very same ones where there is nothing to mend. */
export function withoutSpecks(raw: LowResLogits, tokens: PromptTokens, geometry: MaskGeometry): LowResLogits {
  const mask = aboveZero(raw, geometry);
  const parts = connectedParts(mask, 8);
  const largest = parts.reduce((most, part) => Math.max(most, maskArea(part)), 0);
  const isKept = clickedBy(FOREGROUND, raw.side, tokens, geometry);
  const dropped = parts.filter((part) => maskArea(part) * LEAST_PART < largest && !isKept(part));

  const kept = dropped.length > 0 ? combineMasks(mask, uniteMasks(dropped, mask.size), "subtract") : mask;
  const area = maskArea(kept);
  const isOpen = clickedBy(BACKGROUND, raw.side, tokens, geometry);
  const filled = findHoles(kept).filter((hole) => maskArea(hole) * LEAST_HOLE < area && !isOpen(hole));
  return turned(turned(raw, dropped), filled);
}

/** The cells on the photo that are above zero. */
function aboveZero({ data, side }: LowResLogits, geometry: MaskGeometry): ColumnMask {
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const bits = new Uint8Array(rows * columns);
  for (let r = 0, i = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++, i++) if (data[r * side + c] > 0) bits[i] = 1;
  }
  return maskFromBitmap(bits, { x0: 0, y0: 0, x1: columns, y1: rows }, { width: columns, height: rows });
}

/** Whether a click of this kind lies in a region of cells. */
function clickedBy(label: number, side: number, { coords, labels }: PromptTokens, geometry: MaskGeometry) {
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const { imageSize } = geometry;
  const cells = Array.from(labels, (own, i) => ({
    isMeant: own === label,
    x: cellOf(coords[2 * i], columns, side, imageSize),
    y: cellOf(coords[2 * i + 1], rows, side, imageSize),
  })).filter(({ isMeant }) => isMeant);
  return (region: ColumnMask): boolean => cells.some(({ x, y }) => maskContains(region, x, y));
}

/** The logits with the sign of these cells turned. */
function turned(logits: LowResLogits, regions: readonly ColumnMask[]): LowResLogits {
  if (regions.length === 0) return logits;
  const { side } = logits;
  const data = logits.data.slice();
  for (const { x0, offsets, runs } of regions) {
    for (let c = 0; c + 1 < offsets.length; c++) {
      for (let r = offsets[c]; r < offsets[c + 1]; r += 2) {
        for (let i = runs[r] * side + x0 + c; i < runs[r + 1] * side; i += side) data[i] = -data[i];
      }
    }
  }
  return { data, side };
}
