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

/** A mask seen from afar: the middle pixel of every `step` x `step` of it. `mask` counts in these. */
export interface SampledMask {
  readonly mask: ColumnMask;
  readonly step: number;
}

/** The mask (logit > 0) at originalSize. */
export function maskAtOriginalSize(logits: LowResLogits, geometry: MaskGeometry): ColumnMask {
  return everyStep(logits, geometry, 1);
}

/** What sampleMask makes of maskAtOriginalSize, bit for bit, for a small part of the work: a mask to look at. */
export function sampledMask(logits: LowResLogits, geometry: MaskGeometry, step: number): SampledMask {
  return { mask: everyStep(logits, geometry, step), step };
}

function everyStep(
  logits: LowResLogits,
  { imageSize, inputSize, originalSize }: MaskGeometry,
  step: number,
): ColumnMask {
  const size = { width: Math.ceil(originalSize.width / step), height: Math.ceil(originalSize.height / step) };
  const inner = tapsFor(logits.side, imageSize, 1);
  const across = tapsFor(inputSize.width, originalSize.width, step);
  const down = tapsFor(inputSize.height, originalSize.height, step);
  const found = positiveExtent(logits);
  if (!found) return emptyMask(size);
  const columns = reach(found.columns, inner, inputSize.width, across);
  const rows = reach(found.rows, inner, inputSize.height, down);
  if (!columns || !rows) return emptyMask(size);
  const middle = resizeInner(logits, inner, sourcesOf(across, columns), sourcesOf(down, rows));
  return collectColumns(middle, across, down, columns, rows, size);
}

function tapsFor(inputs: number, outputs: number, step: number): Taps {
  const key = `${inputs}:${outputs}:${step}`;
  let taps = keptTaps.get(key);
  if (!taps) {
    if (keptTaps.size >= TAPS_KEPT) keptTaps.clear();
    taps = bilinearTaps(inputs, outputs, step);
    keptTaps.set(key, taps);
  }
  return taps;
}

/** Taps of the outputs in the middle of every step. */
function bilinearTaps(inputs: number, outputs: number, step: number): Taps {
  const half = step >> 1;
  const count = Math.max(0, Math.ceil((outputs - half) / step));
  const i0 = new Int32Array(count);
  const i1 = new Int32Array(count);
  const w0 = new Float32Array(count);
  const w1 = new Float32Array(count);
  const isIdentity = inputs === outputs;
  const scale = Math.fround(inputs / outputs);
  for (let i = 0; i < count; i++) {
    const d = i * step + half;
    const source = isIdentity ? d : Math.max(Math.fround(scale * (d + 0.5) - 0.5), 0);
    i0[i] = Math.min(Math.floor(source), inputs - 1);
    i1[i] = isIdentity ? d : Math.min(i0[i] + 1, inputs - 1);
    w1[i] = Math.min(Math.max(Math.fround(source - i0[i]), 0), 1);
    w0[i] = 1 - w1[i];
  }
  return { i0, i1, w0, w1 };
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
  readonly values: Float32Array<ArrayBuffer>;
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

/** Output rows that read the same two middle rows: `first[i] .. first[i + 1]` read upper[i] and lower[i]. */
interface Segments {
  readonly first: Int32Array;
  readonly upper: Int32Array;
  readonly lower: Int32Array;
  readonly count: number;
}

function segmentsOf(down: Taps, rows: Range, origin: number): Segments {
  const length = rows.end - rows.start;
  const [first, upper, lower] = [new Int32Array(length + 1), new Int32Array(length), new Int32Array(length)];
  let count = 0;
  for (let y = rows.start; y < rows.end; y++) {
    if (count > 0 && down.i0[y] - origin === upper[count - 1]) continue;
    first[count] = y;
    upper[count] = down.i0[y] - origin;
    lower[count] = down.i1[y] - origin;
    count++;
  }
  first[count] = rows.end;
  return { first, upper, lower, count };
}

const OUT = 0;
const IN = 1;
const BORDER = 2;

/** Neighbouring segments of one kind: `ends[i]` is where span i ends, counted in segments. */
interface Spans {
  readonly kinds: Uint8Array;
  readonly ends: Int32Array;
  count: number;
}

/**
 * Output columns between the same two middle columns share their spans: what lies inside or outside whatever the
 * weights is found once for all of them, and only the border is computed pixel by pixel.
 */
function collectColumns(middle: Middle, across: Taps, down: Taps, columns: Range, rows: Range, size: Size): ColumnMask {
  const height = middle.rows.end - middle.rows.start;
  const builder = new ColumnMaskBuilder(size, columns.start);
  const segments = segmentsOf(down, rows, middle.rows.start);
  const spans: Spans = { kinds: new Uint8Array(segments.count), ends: new Int32Array(segments.count), count: 0 };
  const columnAt = (index: number): Float32Array<ArrayBuffer> => {
    const from = (index - middle.columns.start) * height;
    return middle.values.subarray(from, from + height);
  };
  let left = new Float32Array(0);
  let right = new Float32Array(0);
  for (let x = columns.start; x < columns.end; x++) {
    if (x === columns.start || across.i0[x] !== across.i0[x - 1]) {
      [left, right] = [columnAt(across.i0[x]), columnAt(across.i1[x])];
      findSpans(left, right, segments, spans);
    }
    collectRuns(builder, { left, right, a: across.w0[x], b: across.w1[x] }, spans, segments, down);
    builder.closeColumn();
  }
  return builder.finish();
}

function findSpans(left: Float32Array, right: Float32Array, segments: Segments, spans: Spans): void {
  const { upper, lower, count } = segments;
  spans.count = 0;
  for (let i = 0; i < count; i++) {
    const [u, l] = [upper[i], lower[i]];
    let kind = BORDER;
    if (left[u] > SAFE) {
      if (right[u] > SAFE && left[l] > SAFE && right[l] > SAFE) kind = IN;
    } else if (left[u] <= 0 && right[u] <= 0 && left[l] <= 0 && right[l] <= 0) kind = OUT;
    if (spans.count > 0 && spans.kinds[spans.count - 1] === kind) spans.ends[spans.count - 1] = i + 1;
    else {
      spans.kinds[spans.count] = kind;
      spans.ends[spans.count++] = i + 1;
    }
  }
}

/** A column of the output: so much of the middle column to its left, so much of the one to its right. */
interface Blend {
  readonly left: Float32Array;
  readonly right: Float32Array;
  readonly a: number;
  readonly b: number;
}

/** Push the runs of one output column. */
function collectRuns(builder: ColumnMaskBuilder, blend: Blend, spans: Spans, segments: Segments, down: Taps): void {
  let start = -1;
  let segment = 0;
  for (let span = 0; span < spans.count; span++) {
    const end = spans.ends[span];
    const kind = spans.kinds[span];
    const row = segments.first[segment];
    if (kind === BORDER) start = collectBorder(builder, blend, segments, segment, end, down, start);
    else if (kind === IN) {
      if (start < 0) start = row;
    } else if (start >= 0) {
      builder.push(start, row);
      start = -1;
    }
    segment = end;
  }
  if (start >= 0) builder.push(start, segments.first[segments.count]);
}

/** Decide every pixel of some segments; returns where the run that is open at their end began, or -1. */
function collectBorder(
  builder: ColumnMaskBuilder,
  { left, right, a, b }: Blend,
  { first, upper, lower }: Segments,
  from: number,
  to: number,
  down: Taps,
  open: number,
): number {
  let start = open;
  for (let i = from; i < to; i++) {
    const [u, l] = [upper[i], lower[i]];
    const p0 = Math.fround(left[u] * a + Math.fround(right[u] * b));
    const p1 = Math.fround(left[l] * a + Math.fround(right[l] * b));
    if (start >= 0 ? p0 > SAFE && p1 > SAFE : p0 <= 0 && p1 <= 0) continue; // the run, or the gap, goes on
    for (let row = first[i]; row < first[i + 1]; row++) {
      const isSet = Math.fround(p0 * down.w0[row] + Math.fround(p1 * down.w1[row])) > 0;
      if (isSet === start >= 0) continue;
      if (isSet) start = row;
      else {
        builder.push(start, row);
        start = -1;
      }
    }
  }
  return start;
}
