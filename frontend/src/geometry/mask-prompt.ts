/**
 * A mask as the model's mask prompt: logits on its low-res grid, for masks that a person painted or changed.
 *
 * The grid covers the square that the model's geometry scales the photo into.
 */
import { maskContains, type ColumnMask } from "./column-mask";
import { frameOf, type InputGeometry } from "./photo-geometry";
import type { LowResLogits, Size } from "./types";

const SIDE = 256;
/** About what the decoder itself gives deep inside and far outside of an object. */
const INSIDE = 8;
const OUTSIDE = -8;
/** Samples per cell and axis, so that a border cell gets a value in between. */
const SAMPLES = 2;

export function logitsFromMask(mask: ColumnMask, { name }: InputGeometry): LowResLogits {
  const data = new Float32Array(SIDE * SIDE).fill(OUTSIDE);
  const frame = frameOf(mask.size, name);
  const cell = { width: frame.width / SIDE, height: frame.height / SIDE };
  const columns = Math.min(SIDE, Math.ceil(mask.size.width / cell.width));
  const rows = Math.min(SIDE, Math.ceil(mask.size.height / cell.height));
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) data[y * SIDE + x] = OUTSIDE + (INSIDE - OUTSIDE) * coverage(mask, x, y, cell);
  }
  return { data, side: SIDE };
}

/** Share of a cell's sample points that lie on the mask. */
function coverage(mask: ColumnMask, x: number, y: number, cell: Size): number {
  let hits = 0;
  for (let i = 0; i < SAMPLES; i++) {
    for (let j = 0; j < SAMPLES; j++) {
      const [across, down] = [(x + (i + 0.5) / SAMPLES) * cell.width, (y + (j + 0.5) / SAMPLES) * cell.height];
      if (maskContains(mask, across, down)) hits++;
    }
  }
  return hits / (SAMPLES * SAMPLES);
}
