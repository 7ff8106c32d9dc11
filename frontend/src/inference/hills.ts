/**
 * Hills on low-res logits: how a mask obeys a prompt at one place, and what was nearly as likely around it with it.
 * Mirrors masks/hills.py of sam_core.
 */

/** Cells: the four that a place is read from. */
export const LEAST_REACH = 1.5;

/** A place among cells, 0 in the middle of the first one. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** The first rows and columns of side x side logits. */
export interface Plane {
  readonly data: Float32Array;
  readonly side: number;
  readonly rows: number;
  readonly columns: number;
}

/** What lies at a place, between its four cells, as up-sampling reads it. */
export function readAt({ data, side, rows, columns }: Plane, place: Place): number {
  return between(place, rows, columns, (row, column) => data[row * side + column]);
}

/** Raise or lower the logits in place, so that `wanted` is read at a place and nothing changes `reach` cells away. */
export function addHill(plane: Plane, place: Place, wanted: number, reach: number): void {
  const { data, side, rows, columns } = plane;
  const { x, y } = place;
  const height = (row: number, column: number): number => {
    const [across, down] = [column - x, row - y];
    const left = Math.max(0, 1 - (across * across + down * down) / (reach * reach));
    return left * left;
  };
  const scale = (wanted - readAt(plane, place)) / between(place, rows, columns, height);
  const lastRow = Math.min(rows - 1, Math.floor(y + reach));
  const lastColumn = Math.min(columns - 1, Math.floor(x + reach));
  for (let row = Math.max(0, Math.ceil(y - reach)); row <= lastRow; row++) {
    for (let column = Math.max(0, Math.ceil(x - reach)); column <= lastColumn; column++) {
      data[row * side + column] += scale * height(row, column);
    }
  }
}

/** How far the nearest cell is whose logit has this sign; infinity where there is none. */
export function distanceToSign({ data, side, rows, columns }: Plane, { x, y }: Place, sign: 1 | -1): number {
  let least = Infinity;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!(data[row * side + column] * sign > 0)) continue;
      const [across, down] = [column - x, row - y];
      least = Math.min(least, across * across + down * down);
    }
  }
  return Math.sqrt(least);
}

function between(
  { x, y }: Place,
  rows: number,
  columns: number,
  valueOf: (row: number, column: number) => number,
): number {
  const [left, above] = [Math.floor(x), Math.floor(y)];
  const [right, below] = [Math.min(left + 1, columns - 1), Math.min(above + 1, rows - 1)];
  const [across, down] = [x - left, y - above];
  return (
    (1 - down) * (1 - across) * valueOf(above, left) +
    (1 - down) * across * valueOf(above, right) +
    down * (1 - across) * valueOf(below, left) +
    down * across * valueOf(below, right)
  );
}
