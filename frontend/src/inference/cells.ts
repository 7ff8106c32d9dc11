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
