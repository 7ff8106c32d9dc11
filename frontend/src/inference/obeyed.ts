/**
 * Masks that obey their clicks: a foreground click lies inside, a background click outside, whatever the model says.
 * Mirrors masks/obeyed.py of sam_core, which states the rule; fixtures/golden/obeyed holds both to the same bits. ADR 0021.
 */
import type { LowResLogits } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import { cellsOnPhoto } from "./cells";
import { BACKGROUND, FOREGROUND, type PromptTokens } from "./prompt-tokens";

const FIRM = 0.5;
const CERTAIN = 3;
/** Cells. */
const REACH = 10;
const LEAST_REACH = 1.5;

interface Click {
  /** Where it lies among cells, 0 in the middle of the first one. */
  readonly x: number;
  readonly y: number;
  readonly sign: 1 | -1;
}

interface Plane {
  readonly data: Float32Array;
  readonly side: number;
  readonly rows: number;
  readonly columns: number;
}

/** Logits whose mask above zero obeys the clicks; the very same ones where it does already. */
export function withClicksObeyed(raw: LowResLogits, tokens: PromptTokens, geometry: MaskGeometry): LowResLogits {
  const { side } = raw;
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const clicks = clicksOf(tokens, side / geometry.imageSize, rows, columns);
  let { data } = raw;
  for (const click of clicks) {
    const found = read(click, { data, side, rows, columns });
    if (found * click.sign >= FIRM) continue;
    if (data === raw.data) data = raw.data.slice();
    const plane = { data, side, rows, columns };
    addHill(plane, click, found, reachOf(click, clicks, plane));
  }
  return data === raw.data ? raw : { data, side };
}

function clicksOf({ coords, labels }: PromptTokens, cellsPerPixel: number, rows: number, columns: number): Click[] {
  const place = (at: number, count: number): number =>
    Math.min(count - 1, Math.max(0, (at + 0.5) * cellsPerPixel - 0.5));
  return Array.from(labels).flatMap((label, i) =>
    label === FOREGROUND || label === BACKGROUND
      ? [{ x: place(coords[2 * i], columns), y: place(coords[2 * i + 1], rows), sign: label === FOREGROUND ? 1 : -1 }]
      : [],
  );
}

/** How far the logits may change: not to what clicks of the other kind are read from. */
function reachOf(click: Click, clicks: readonly Click[], plane: Plane): number {
  let reach = 2 * nearestOnSide(click, plane);
  for (const { x, y, sign } of clicks) {
    if (sign === click.sign) continue;
    const [across, down] = [x - click.x, y - click.y];
    reach = Math.min(reach, Math.sqrt(across * across + down * down) - 1);
  }
  return Math.min(REACH, Math.max(LEAST_REACH, reach));
}

/** How far the nearest cell is that lies on the click's side already. */
function nearestOnSide({ x, y, sign }: Click, { data, side, rows, columns }: Plane): number {
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

/** What lies at a click, between four cells. */
function read(click: Click, { data, side, rows, columns }: Plane): number {
  return between(click, rows, columns, (row, column) => data[row * side + column]);
}

function between(
  { x, y }: Click,
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

function addHill({ data, side, rows, columns }: Plane, click: Click, found: number, reach: number): void {
  const { x, y, sign } = click;
  const height = (row: number, column: number): number => {
    const [across, down] = [column - x, row - y];
    const left = Math.max(0, 1 - (across * across + down * down) / (reach * reach));
    return left * left;
  };
  const scale = (sign * CERTAIN - found) / between(click, rows, columns, height);
  const lastRow = Math.min(rows - 1, Math.floor(y + reach));
  const lastColumn = Math.min(columns - 1, Math.floor(x + reach));
  for (let row = Math.max(0, Math.ceil(y - reach)); row <= lastRow; row++) {
    for (let column = Math.max(0, Math.ceil(x - reach)); column <= lastColumn; column++) {
      data[row * side + column] += scale * height(row, column);
    }
  }
}
