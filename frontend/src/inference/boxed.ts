/**
 * Masks that obey their box: what it holds does not go on beyond it, nor falls short of one of its sides. Mirrors
 * masks/boxed.py of sam_core, which states the rule; fixtures/golden/obeyed holds both to the same bits. ADR 0023.
 */
import type { BoxXyxy } from "../geometry/types";
import { addHill, distanceToSign, LEAST_REACH, type Place, type Plane } from "./hills";

/** Of the box's width and height: people draw about so exactly, and rather too large. */
const OUTWARDS = 0.06;
const INWARDS = 0.1;
/** Logit a cell. */
const SLOPE = 2;
const REACHED = 0.5;
/** Cells. */
const REACH = 20;

/** The first row and column, and those behind the last ones. */
interface Strip {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Whether a place lies outside the box (among cells), by more than what people draw wrong. */
export function isBeyond(box: BoxXyxy, { x, y }: Place): boolean {
  const { x0, y0, x1, y1 } = withSlack(box);
  return !(x0 <= x && x <= x1 && y0 <= y && y <= y1);
}

/** Bring the logits to obey their box, in place. */
export function obeyBox(plane: Plane, box: BoxXyxy): void {
  endBeyond(plane, withSlack(box));
  const inside = insideOf(plane, box);
  const [deep, wide] = [box.y1 - box.y0, box.x1 - box.x0].map((length) => Math.floor(0.5 + INWARDS * length));
  const missed = sidesOf(inside, deep, wide)
    .map((side) => likeliestOf(inside, side))
    .filter(({ value }) => value <= 0);
  if (missed.length !== 1) return;
  const [{ place }] = missed;
  addHill(inside, place, REACHED, Math.min(REACH, Math.max(LEAST_REACH, 2 * distanceToSign(inside, place, 1))));
}

function withSlack({ x0, y0, x1, y1 }: BoxXyxy): BoxXyxy {
  const [across, down] = [OUTWARDS * (x1 - x0), OUTWARDS * (y1 - y0)];
  return { x0: x0 - across, y0: y0 - down, x1: x1 + across, y1: y1 + down };
}

function endBeyond({ data, side, rows, columns }: Plane, { x0, y0, x1, y1 }: BoxXyxy): void {
  for (let row = 0; row < rows; row++) {
    const down = Math.max(0, y0 - row, row - y1);
    for (let column = 0; column < columns; column++) {
      const across = Math.max(0, x0 - column, column - x1);
      if (across > 0 || down > 0) data[row * side + column] -= SLOPE * Math.sqrt(across * across + down * down);
    }
  }
}

/** The cells that a box covers, be it in part: a window on the same numbers. */
function insideOf({ data, side, rows, columns }: Plane, { x0, y0, x1, y1 }: BoxXyxy): Plane {
  const [top, below] = covered(y0, y1, rows);
  const [left, behind] = covered(x0, x1, columns);
  return { data: data.subarray(top * side + left), side, rows: below - top, columns: behind - left };
}

/** The first row or column that a box covers, and the one behind the last; there is at least one. */
function covered(start: number, stop: number, count: number): [number, number] {
  const first = Math.min(count - 1, Math.max(0, Math.floor(start + 0.5)));
  return [first, Math.max(first, Math.min(count - 1, Math.ceil(stop - 0.5))) + 1];
}

/** The cells along the top, bottom, left and right side; `deep` and `wide`: how many more rows and columns count as such. */
function sidesOf({ rows, columns }: Plane, deep: number, wide: number): Strip[] {
  const whole = { top: 0, bottom: rows, left: 0, right: columns };
  return [
    { ...whole, bottom: Math.min(rows, deep + 1) },
    { ...whole, top: Math.max(0, rows - 1 - deep) },
    { ...whole, right: Math.min(columns, wide + 1) },
    { ...whole, left: Math.max(0, columns - 1 - wide) },
  ];
}

function likeliestOf({ data, side }: Plane, { top, bottom, left, right }: Strip): { place: Place; value: number } {
  let [value, x, y] = [-Infinity, left, top];
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      if (data[row * side + column] > value) [value, x, y] = [data[row * side + column], column, row];
    }
  }
  return { place: { x, y }, value };
}
