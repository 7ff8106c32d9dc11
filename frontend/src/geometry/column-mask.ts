/**
 * Masks as sorted vertical runs, column by column: the working form of a mask in the browser.
 *
 * A mask costs memory by its outline and never by its area, at any photo size, and turns into COCO's column-major
 * RLE without a bitmap. Masks are values: every function returns a new one. Knows nothing of the page.
 */
import type { BoxXyxy, Size } from "./types";

/** Column x0 + i holds the runs `runs[offsets[i]..offsets[i + 1]]`: pairs (first row, row after the last). */
export interface ColumnMask {
  readonly size: Size;
  readonly x0: number;
  readonly offsets: Uint32Array;
  readonly runs: Uint32Array;
}

export type BooleanOperation = "union" | "subtract" | "intersect";

/** Collects runs column by column, joins runs that touch and trims empty columns at both ends. */
export class ColumnMaskBuilder {
  private readonly offsets: number[] = [0];
  private readonly runs: number[] = [];
  private columnStart = 0;

  constructor(
    private readonly size: Size,
    private readonly x0: number,
  ) {}

  /** Append a run to the open column; rows must not come before those already there. */
  push(start: number, end: number): void {
    if (end <= start) return;
    const last = this.runs.length - 1;
    if (last >= this.columnStart && this.runs[last] === start) this.runs[last] = end;
    else this.runs.push(start, end);
  }

  closeColumn(): void {
    this.columnStart = this.runs.length;
    this.offsets.push(this.columnStart);
  }

  finish(): ColumnMask {
    let first = 0;
    let last = this.offsets.length - 1;
    while (first < last && this.offsets[first + 1] === 0) first++;
    while (last > first && this.offsets[last - 1] === this.runs.length) last--;
    if (first === last) return emptyMask(this.size);
    const offsets = Uint32Array.from(this.offsets.slice(first, last + 1));
    return { size: this.size, x0: this.x0 + first, offsets, runs: Uint32Array.from(this.runs) };
  }
}

export function emptyMask(size: Size): ColumnMask {
  return { size, x0: 0, offsets: new Uint32Array(1), runs: new Uint32Array(0) };
}

export function isEmpty(mask: ColumnMask): boolean {
  return mask.runs.length === 0;
}

export function columnCount(mask: ColumnMask): number {
  return mask.offsets.length - 1;
}

/** The pair of indices into `runs` that bound a column's runs; equal where the column is empty or outside. */
export function columnRange(mask: ColumnMask, x: number): readonly [number, number] {
  const i = x - mask.x0;
  if (i < 0 || i >= columnCount(mask)) return [0, 0];
  return [mask.offsets[i], mask.offsets[i + 1]];
}

/** Number of pixels set. */
export function maskArea(mask: ColumnMask): number {
  let area = 0;
  for (let i = 0; i < mask.runs.length; i += 2) area += mask.runs[i + 1] - mask.runs[i];
  return area;
}

/** The tight box of the pixels set; null when there are none. */
export function maskBounds(mask: ColumnMask): BoxXyxy | null {
  if (isEmpty(mask)) return null;
  let y0 = Infinity;
  let y1 = 0;
  for (let i = 0; i < mask.runs.length; i += 2) {
    if (mask.runs[i] < y0) y0 = mask.runs[i]!;
    if (mask.runs[i + 1] > y1) y1 = mask.runs[i + 1]!;
  }
  return { x0: mask.x0, y0, x1: mask.x0 + columnCount(mask), y1 };
}

/** Whether the pixel that covers (x, y) is set. */
export function maskContains(mask: ColumnMask, x: number, y: number): boolean {
  const row = Math.floor(y);
  const [from, to] = columnRange(mask, Math.floor(x));
  for (let i = from; i < to; i += 2) if (row >= mask.runs[i] && row < mask.runs[i + 1]) return true;
  return false;
}

export function masksEqual(a: ColumnMask, b: ColumnMask): boolean {
  if (a.x0 !== b.x0 || a.size.width !== b.size.width || a.size.height !== b.size.height) return false;
  return sameNumbers(a.offsets, b.offsets) && sameNumbers(a.runs, b.runs);
}

function sameNumbers(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

const KEEP: Record<BooleanOperation, (inA: boolean, inB: boolean) => boolean> = {
  union: (inA, inB) => inA || inB,
  subtract: (inA, inB) => inA && !inB,
  intersect: (inA, inB) => inA && inB,
};

/** Combine two masks of one photo. */
export function combineMasks(a: ColumnMask, b: ColumnMask, operation: BooleanOperation): ColumnMask {
  if (isEmpty(b)) return operation === "intersect" ? b : a;
  if (isEmpty(a)) return operation === "union" ? b : a;
  const x0 = Math.min(a.x0, b.x0);
  const x1 = Math.max(a.x0 + columnCount(a), b.x0 + columnCount(b));
  const builder = new ColumnMaskBuilder(a.size, x0);
  for (let x = x0; x < x1; x++) {
    sweepColumn(a, columnRange(a, x), b, columnRange(b, x), KEEP[operation], builder);
    builder.closeColumn();
  }
  return builder.finish();
}

type Range = readonly [number, number];

/** Walk the ends of both columns' runs from the top, emitting the rows that `keep` says yes to. */
function sweepColumn(
  a: ColumnMask,
  [aFrom, aTo]: Range,
  b: ColumnMask,
  [bFrom, bTo]: Range,
  keep: (inA: boolean, inB: boolean) => boolean,
  builder: ColumnMaskBuilder,
): void {
  let i = aFrom;
  let j = bFrom;
  let row = 0;
  while (i < aTo || j < bTo) {
    const nextA = i < aTo ? a.runs[i] : Infinity;
    const nextB = j < bTo ? b.runs[j] : Infinity;
    const next = Math.min(nextA, nextB);
    if (keep(((i - aFrom) & 1) === 1, ((j - bFrom) & 1) === 1)) builder.push(row, next);
    if (nextA === next) i++;
    if (nextB === next) j++;
    row = next;
  }
}

/** Union of many masks, pairwise in a tree so that each outline is copied a logarithmic number of times. */
export function uniteMasks(masks: readonly ColumnMask[], size: Size): ColumnMask {
  if (masks.length === 0) return emptyMask(size);
  if (masks.length === 1) return masks[0];
  const half = masks.length >> 1;
  return combineMasks(uniteMasks(masks.slice(0, half), size), uniteMasks(masks.slice(half), size), "union");
}

/** Read COCO run lengths (column-major, zeros first, over height x width). */
export function maskFromCounts(counts: ArrayLike<number>, size: Size): ColumnMask {
  const builder = new ColumnMaskBuilder(size, 0);
  let column = 0;
  let position = 0;
  for (let i = 0; i < counts.length; i++) {
    const end = position + counts[i];
    if (i % 2 === 1) {
      while (position < end) {
        for (const at = Math.floor(position / size.height); column < at; column++) builder.closeColumn();
        const stop = Math.min(end, (column + 1) * size.height);
        builder.push(position - column * size.height, stop - column * size.height);
        position = stop;
      }
    }
    position = end;
  }
  if (column < size.width) builder.closeColumn();
  return builder.finish();
}

/** COCO run lengths of a mask: column-major, zeros first, summing to height x width. */
export function maskToCounts(mask: ColumnMask): number[] {
  const counts: number[] = [];
  let position = 0;
  for (let i = 0; i < columnCount(mask); i++) {
    const base = (mask.x0 + i) * mask.size.height;
    for (let r = mask.offsets[i]; r < mask.offsets[i + 1]; r += 2) {
      const start = base + mask.runs[r];
      const end = base + mask.runs[r + 1];
      if (start === position && counts.length > 0) counts[counts.length - 1] += end - start;
      else counts.push(start - position, end - start);
      position = end;
    }
  }
  const rest = mask.size.width * mask.size.height - position;
  if (rest > 0) counts.push(rest);
  return counts;
}

/** Read the non-zero bytes of a row-major bitmap that covers `box` of the photo. */
export function maskFromBitmap(bits: Uint8Array, box: BoxXyxy, size: Size): ColumnMask {
  const width = box.x1 - box.x0;
  const height = box.y1 - box.y0;
  const builder = new ColumnMaskBuilder(size, box.x0);
  for (let x = 0; x < width; x++) {
    let start = -1;
    for (let y = 0; y < height; y++) {
      const isSet = bits[y * width + x] !== 0;
      if (isSet && start < 0) start = y;
      if (!isSet && start >= 0) {
        builder.push(box.y0 + start, box.y0 + y);
        start = -1;
      }
    }
    if (start >= 0) builder.push(box.y0 + start, box.y1);
    builder.closeColumn();
  }
  return builder.finish();
}

/** Row-major bytes (0 or 1) of the part of a mask inside `box`. */
export function maskToBitmap(mask: ColumnMask, box: BoxXyxy): Uint8Array {
  const width = box.x1 - box.x0;
  const bits = new Uint8Array(width * (box.y1 - box.y0));
  for (let x = box.x0; x < box.x1; x++) {
    const [from, to] = columnRange(mask, x);
    for (let r = from; r < to; r += 2) {
      const end = Math.min(mask.runs[r + 1], box.y1);
      for (let y = Math.max(mask.runs[r], box.y0); y < end; y++) bits[(y - box.y0) * width + x - box.x0] = 1;
    }
  }
  return bits;
}

/** Sample every `step`-th pixel (its middle), giving a mask of a photo that many times smaller. */
export function sampleMask(mask: ColumnMask, step: number): ColumnMask {
  const size = { width: Math.ceil(mask.size.width / step), height: Math.ceil(mask.size.height / step) };
  if (step === 1 || isEmpty(mask)) return { ...mask, size };
  const half = step >> 1;
  const first = Math.ceil((mask.x0 - half) / step);
  const last = Math.ceil((mask.x0 + columnCount(mask) - half) / step);
  const builder = new ColumnMaskBuilder(size, Math.max(first, 0));
  for (let x = Math.max(first, 0); x < last; x++) {
    const [from, to] = columnRange(mask, x * step + half);
    for (let r = from; r < to; r += 2) {
      builder.push(Math.ceil((mask.runs[r] - half) / step), Math.ceil((mask.runs[r + 1] - half) / step));
    }
    builder.closeColumn();
  }
  return builder.finish();
}

/** Put a mask of a part of the photo, whose corner is at (x, y), into its place on the whole photo. */
export function placeMask(
  mask: ColumnMask,
  corner: { readonly x: number; readonly y: number },
  size: Size,
): ColumnMask {
  if (isEmpty(mask)) return emptyMask(size);
  return { size, x0: mask.x0 + corner.x, offsets: mask.offsets, runs: mask.runs.map((row) => row + corner.y) };
}
