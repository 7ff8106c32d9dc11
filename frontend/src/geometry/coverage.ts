/**
 * What of a photo no mask covers, on a grid coarse enough to measure after every change: for each cell its distance to
 * the nearest mask or edge, and the middles of the largest gaps. Knows nothing of suggestions or of the page.
 */
import type { ColumnMask } from "./column-mask";
import { columnRange } from "./column-mask";
import { imagePoint, type ImagePoint, type Size } from "./types";

export interface Coverage {
  readonly columns: number;
  readonly rows: number;
  /** Side of a cell in image pixels. */
  readonly cell: number;
  /** Row-major; cells to the nearest covered cell or to the photo's edge, 0 where a mask is. */
  readonly distance: Float32Array;
}

export interface Gap {
  readonly middle: ImagePoint;
  /** Image pixels around the middle that hold no mask. */
  readonly radius: number;
}

const LONG_SIDE_CELLS = 128;
const DIAGONAL = Math.SQRT2;
/** Smaller than this share of the photo's long side is the seam between two masks rather than a thing. */
const LEAST_RADIUS_SHARE = 0.02;
const MOST_GAPS = 50;

export function measureCoverage(masks: readonly ColumnMask[], size: Size): Coverage {
  const cell = Math.max(1, Math.ceil(Math.max(size.width, size.height) / LONG_SIDE_CELLS));
  const columns = Math.ceil(size.width / cell);
  const rows = Math.ceil(size.height / cell);
  const distance = new Float32Array(columns * rows).fill(Infinity);
  for (const mask of masks) coverCells(mask, { columns, rows, cell, distance });
  spreadDistances(distance, columns, rows);
  return { columns, rows, cell, distance };
}

/** The share of the photo that no mask covers, 0 to 1. */
export function uncoveredShare({ distance }: Coverage): number {
  return distance.reduce((count, value) => count + (value > 0 ? 1 : 0), 0) / distance.length;
}

/** The largest gaps first; none lies within another. */
export function findGaps(coverage: Coverage): readonly Gap[] {
  const { columns, rows, cell, distance } = coverage;
  const least = Math.max(columns, rows) * LEAST_RADIUS_SHARE;
  const order = [...distance.keys()].filter((at) => distance[at] >= least);
  order.sort((a, b) => distance[b] - distance[a] || a - b);
  const found: { readonly x: number; readonly y: number; readonly radius: number }[] = [];
  for (const at of order) {
    const [x, y] = [at % columns, Math.floor(at / columns)];
    if (found.some((gap) => Math.hypot(gap.x - x, gap.y - y) < gap.radius + distance[at])) continue;
    found.push({ x, y, radius: distance[at] });
    if (found.length === MOST_GAPS) break;
  }
  return found.map(({ x, y, radius }) => ({
    middle: imagePoint((x + 0.5) * cell, (y + 0.5) * cell),
    radius: radius * cell,
  }));
}

/** A cell is covered when the mask holds its middle. */
function coverCells(mask: ColumnMask, { columns, rows, cell, distance }: Coverage): void {
  const half = Math.floor(cell / 2);
  for (let column = 0; column < columns; column++) {
    const [from, to] = columnRange(mask, Math.min(column * cell + half, mask.size.width - 1));
    for (let i = from; i < to; i += 2) {
      const first = Math.max(0, Math.ceil((mask.runs[i] - half) / cell));
      for (let row = first; row < rows && row * cell + half < mask.runs[i + 1]; row++) {
        distance[row * columns + column] = 0;
      }
    }
  }
}

/** Two sweeps, down and up, hand the distance on from cell to cell (a chamfer transform). */
function spreadDistances(distance: Float32Array, columns: number, rows: number): void {
  const at = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= columns || y >= rows ? 0 : distance[y * columns + x];
  const relax = (x: number, y: number, step: 1 | -1): void => {
    const near = Math.min(
      at(x - step, y) + 1,
      at(x, y - step) + 1,
      at(x - 1, y - step) + DIAGONAL,
      at(x + 1, y - step) + DIAGONAL,
    );
    distance[y * columns + x] = Math.min(distance[y * columns + x], near);
  };
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) relax(x, y, 1);
  for (let y = rows - 1; y >= 0; y--) for (let x = columns - 1; x >= 0; x--) relax(x, y, -1);
}
