/** The grid of low-res cells: which of them lie on the photo, which one a click lies in. Mirrors masks/grid.py of sam_core. */
import type { MaskGeometry } from "../geometry/upsample";

/** How many rows and columns of side x side cells lie on the photo and not on the model's padding. */
export function cellsOnPhoto(side: number, { imageSize, inputSize }: MaskGeometry): { rows: number; columns: number } {
  return {
    rows: Math.ceil((inputSize.height * side) / imageSize),
    columns: Math.ceil((inputSize.width * side) / imageSize),
  };
}

/** The row or column of a click (model pixels) among `count` of them; beyond the photo, the nearest one on it. */
export function cellOf(at: number, count: number, side: number, imageSize: number): number {
  return Math.min(count - 1, Math.max(0, Math.floor((at + 0.5) * (side / imageSize))));
}

/** Rows and columns, ends included. */
export interface CellBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The box of the cells above zero; null where there is none. */
export function boundsOf(data: Float32Array, side: number, rows: number, columns: number): CellBox | null {
  let [left, top, right, bottom] = [columns, -1, -1, -1];
  for (let r = 0; r < rows; r++) {
    const [start, stop] = [r * side, r * side + columns];
    let first = start;
    while (first < stop && !(data[first] > 0)) first++;
    if (first === stop) continue;
    let last = stop - 1;
    while (!(data[last] > 0)) last--;
    if (top < 0) top = r;
    bottom = r;
    if (first - start < left) left = first - start;
    if (last - start > right) right = last - start;
  }
  return bottom < 0 ? null : { left, top, right, bottom };
}
