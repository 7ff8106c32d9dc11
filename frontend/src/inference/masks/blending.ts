/**
 * Local blending: one more click changes what lies around it, and what lies far away only where the model is sure.
 * Mirrors masks/blending.py of sam_core, which states the rule; fixtures/golden/blending holds both to the same bits.
 */
import { cellAt, cellsOnPhoto, type PhotoGeometry } from "../../geometry/photo-geometry";
import type { LowResLogits } from "../../geometry/types";
import { limitCertainty } from "./certainty";
import { FOREGROUND } from "./prompt-tokens";

const REACH = 6;
/** Cells. */
const LEAST_REACH = 24;
const RAMP = 0.25;
const FAR_SHARE = 0.5;

export interface Click {
  /** In model pixels. */
  readonly x: number;
  readonly y: number;
  readonly label: number;
}

/** Logits after a click, blended with the previous ones on the same grid; the same ones where nothing is to be blended. */
export function blendFar(
  raw: LowResLogits,
  previous: LowResLogits,
  click: Click,
  geometry: PhotoGeometry,
): LowResLogits {
  const { side } = raw;
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const { row, column } = cellAt(click.x, click.y, side, geometry);
  let depth = Infinity;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (previous.data[y * side + x] > 0 !== (click.label === FOREGROUND)) continue;
      depth = Math.min(depth, Math.sqrt((x - column) * (x - column) + (y - row) * (y - row)));
    }
  }
  if (depth === Infinity) return raw;
  const reach = Math.max(LEAST_REACH, REACH * depth);
  const data = raw.data.slice();
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const distance = Math.sqrt((x - column) * (x - column) + (y - row) * (y - row));
      const near = Math.min(1, Math.max(0, (reach - distance) / (RAMP * reach)));
      const share = FAR_SHARE + (1 - FAR_SHARE) * near;
      const at = y * side + x;
      data[at] = limitCertainty(data[at]) * share + limitCertainty(previous.data[at]) * (1 - share);
    }
  }
  return { data, side };
}
