/**
 * From low-res logits to the mask at the photo's own size: the same bits as sam_core/masks/upsample.py.
 *
 * That module states the arithmetic; this one mirrors it and works column by column, because masks are stored that way.
 * Where both neighbours of a pixel lie on the same side of the threshold so does the pixel, so only the border is
 * computed. fixtures/golden/upsample holds vectors that both languages read. Knows nothing of the model.
 */
import { ColumnMaskBuilder, emptyMask, type ColumnMask } from "./column-mask";
import type { LowResLogits, Size } from "./types";

/** How a photo became the model's input: scaled so that its longer side is imageSize, then padded. */
export interface MaskGeometry {
  readonly imageSize: number;
  readonly inputSize: Size;
  readonly originalSize: Size;
}

/** Values above this stay above zero however they are weighted: nothing underflows. */
const SAFE = 1e-30;

interface Taps {
  readonly i0: Int32Array;
  readonly i1: Int32Array;
  readonly w0: Float32Array;
  readonly w1: Float32Array;
  readonly isIdentity: boolean;
}

/** Half-open. */
interface Range {
  readonly start: number;
  readonly end: number;
}

const TAPS_KEPT = 32;
const keptTaps = new Map<string, Taps>();

export function inputSizeFor(originalSize: Size, imageSize: number): Size {
  const scale = imageSize / Math.max(originalSize.width, originalSize.height);
  return {
    width: Math.floor(originalSize.width * scale + 0.5),
    height: Math.floor(originalSize.height * scale + 0.5),
  };
}

export function geometryFor(originalSize: Size, imageSize: number): MaskGeometry {
  return { imageSize, originalSize, inputSize: inputSizeFor(originalSize, imageSize) };
}

/** The mask (logit > 0) at originalSize. */
export function maskAtOriginalSize(logits: LowResLogits, geometry: MaskGeometry): ColumnMask {
  const { imageSize, inputSize, originalSize } = geometry;
  const inner = tapsFor(logits.side, imageSize);
  const across = tapsFor(inputSize.width, originalSize.width);
  const down = tapsFor(inputSize.height, originalSize.height);
  const found = positiveExtent(logits);
  if (!found) return emptyMask(originalSize);
  const columns = reach(found.columns, inner, inputSize.width, across);
  const rows = reach(found.rows, inner, inputSize.height, down);
  if (!columns || !rows) return emptyMask(originalSize);
  const middle = resizeInner(logits, inner, sourcesOf(across, columns), sourcesOf(down, rows));
  return collectColumns(middle, across, down, columns, rows, originalSize);
}

function tapsFor(inputs: number, outputs: number): Taps {
  const key = `${inputs}:${outputs}`;
  let taps = keptTaps.get(key);
  if (!taps) {
    if (keptTaps.size >= TAPS_KEPT) keptTaps.clear();
    taps = bilinearTaps(inputs, outputs);
    keptTaps.set(key, taps);
  }
  return taps;
}

function bilinearTaps(inputs: number, outputs: number): Taps {
  const i0 = new Int32Array(outputs);
  const i1 = new Int32Array(outputs);
  const w0 = new Float32Array(outputs);
  const w1 = new Float32Array(outputs);
  const isIdentity = inputs === outputs;
  const scale = Math.fround(inputs / outputs);
  for (let d = 0; d < outputs; d++) {
    const source = isIdentity ? d : Math.max(Math.fround(scale * (d + 0.5) - 0.5), 0);
    i0[d] = Math.min(Math.floor(source), inputs - 1);
    i1[d] = isIdentity ? d : Math.min(i0[d] + 1, inputs - 1);
    w1[d] = Math.min(Math.max(Math.fround(source - i0[d]), 0), 1);
    w0[d] = 1 - w1[d];
  }
  return { i0, i1, w0, w1, isIdentity };
}

function positiveExtent({ data, side }: LowResLogits): { columns: Uint8Array; rows: Uint8Array } | null {
  const columns = new Uint8Array(side);
  const rows = new Uint8Array(side);
  let isFound = false;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (data[y * side + x] > 0) {
        columns[x] = 1;
        rows[y] = 1;
        isFound = true;
      }
    }
  }
  return isFound ? { columns, rows } : null;
}

/** The outputs that read a candidate source through both resizes; null if none does. */
function reach(candidates: Uint8Array, inner: Taps, cropped: number, outer: Taps): Range | null {
  const isReached = (middle: number) => candidates[inner.i0[middle]] | candidates[inner.i1[middle]];
  const outputs = outer.i0.length;
  const touches = (d: number) =>
    (outer.i0[d] < cropped && isReached(outer.i0[d])) || (outer.i1[d] < cropped && isReached(outer.i1[d]));
  let start = 0;
  while (start < outputs && !touches(start)) start++;
  if (start === outputs) return null;
  let end = outputs;
  while (!touches(end - 1)) end--;
  return { start, end };
}

function sourcesOf(taps: Taps, outputs: Range): Range {
  return { start: taps.i0[outputs.start], end: taps.i1[outputs.end - 1] + 1 };
}

/** A part of the logits at the model's input size, column by column. */
interface Middle {
  readonly values: Float32Array;
  readonly columns: Range;
  readonly rows: Range;
}

function resizeInner({ data, side }: LowResLogits, taps: Taps, columns: Range, rows: Range): Middle {
  const height = rows.end - rows.start;
  const values = new Float32Array((columns.end - columns.start) * height);
  const column = new Float32Array(side);
  const first = taps.i0[rows.start];
  const last = taps.i1[rows.end - 1];
  for (let x = columns.start; x < columns.end; x++) {
    const [x0, x1, a, b] = [taps.i0[x], taps.i1[x], taps.w0[x], taps.w1[x]];
    for (let y = first; y <= last; y++) {
      column[y] = data[y * side + x0] * a + Math.fround(data[y * side + x1] * b);
    }
    let to = (x - columns.start) * height;
    for (let y = rows.start; y < rows.end; y++) {
      values[to++] = column[taps.i0[y]] * taps.w0[y] + Math.fround(column[taps.i1[y]] * taps.w1[y]);
    }
  }
  return { values, columns, rows };
}

function collectColumns(middle: Middle, across: Taps, down: Taps, columns: Range, rows: Range, size: Size): ColumnMask {
  const height = middle.rows.end - middle.rows.start;
  const builder = new ColumnMaskBuilder(size, columns.start);
  const column = new Float32Array(height);
  for (let x = columns.start; x < columns.end; x++) {
    const left = (across.i0[x] - middle.columns.start) * height;
    const right = (across.i1[x] - middle.columns.start) * height;
    const [a, b] = [across.w0[x], across.w1[x]];
    for (let y = 0; y < height; y++) {
      column[y] = middle.values[left + y] * a + Math.fround(middle.values[right + y] * b);
    }
    collectRuns(builder, column, middle.rows.start, down, rows);
    builder.closeColumn();
  }
  return builder.finish();
}

/** Push the runs of one output column whose sources are `column`, of which the first is row `origin`. */
function collectRuns(builder: ColumnMaskBuilder, column: Float32Array, origin: number, down: Taps, rows: Range): void {
  let start = -1;
  let y = rows.start;
  while (y < rows.end) {
    const upper = down.i0[y];
    const p0 = column[upper - origin];
    const p1 = column[down.i1[y] - origin];
    let end = y + 1;
    while (end < rows.end && down.i0[end] === upper) end++;
    if (p0 > SAFE && p1 > SAFE) {
      if (start < 0) start = y;
    } else if (p0 <= 0 && p1 <= 0) {
      if (start >= 0) builder.push(start, y);
      start = -1;
    } else {
      for (let row = y; row < end; row++) {
        const isSet = Math.fround(p0 * down.w0[row] + Math.fround(p1 * down.w1[row])) > 0;
        if (isSet && start < 0) start = row;
        if (!isSet && start >= 0) {
          builder.push(start, row);
          start = -1;
        }
      }
    }
    y = end;
  }
  if (start >= 0) builder.push(start, rows.end);
}
