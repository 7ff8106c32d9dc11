/**
 * From low-res logits to the mask at the photo's own size: the same bits as sam_core/masks/upsample.py.
 *
 * That module states the arithmetic; this one mirrors it and works column by column, because masks are stored that way.
 * Where both neighbours of a pixel lie on the same side of the threshold so does the pixel, so only the border is
 * computed, and nothing is ever held at the model's input size. fixtures/golden/upsample holds vectors that both languages read. Knows nothing of the model.
 */
import { ColumnMaskBuilder, type ColumnMask } from "./column-mask";
import { middleSize, type PhotoGeometry } from "./photo-geometry";
import { tapsFor, type Taps } from "./taps";
import type { LowResLogits, Size } from "./types";

/** Values above this stay above zero however they are weighted: nothing underflows. */
const SAFE = 1e-30;

/** A mask drawn small: the middle pixel of every `step` x `step` pixels. Coordinates of `mask` count these. */
export interface SampledMask {
  readonly mask: ColumnMask;
  readonly step: number;
}

/** The mask (logit > 0) at originalSize. */
export function maskAtOriginalSize(logits: LowResLogits, geometry: PhotoGeometry): ColumnMask {
  return everyStep(logits, geometry, 1);
}

/** What sampleMask makes of maskAtOriginalSize, bit for bit, for a small part of the work: a mask to look at. */
export function sampledMask(logits: LowResLogits, geometry: PhotoGeometry, step: number): SampledMask {
  return { mask: everyStep(logits, geometry, step), step };
}

function everyStep(logits: LowResLogits, geometry: PhotoGeometry, step: number): ColumnMask {
  const { originalSize } = geometry;
  const size = { width: Math.ceil(originalSize.width / step), height: Math.ceil(originalSize.height / step) };
  const { side, kept } = middleSize(logits.side, geometry);
  const inner = tapsFor(logits.side, side, 1);
  const across = tapsFor(kept.width, originalSize.width, step);
  const down = tapsFor(kept.height, originalSize.height, step);
  return collectColumns({ logits, inner, across, down }, size);
}

/** What an output pixel is made of: `inner` resizes the logits to the model's input, `across` and `down` that to the photo. */
interface Resize {
  readonly logits: LowResLogits;
  readonly inner: Taps;
  readonly across: Taps;
  readonly down: Taps;
}

/** Output rows that read the same rows of the logits, from[i] to to[i]: `first[i] .. first[i + 1]`. */
interface Segments {
  readonly first: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly count: number;
}

function segmentsOf(inner: Taps, down: Taps): Segments {
  const rows = down.i0.length;
  const [first, from, to] = [new Int32Array(rows + 1), new Int32Array(rows), new Int32Array(rows)];
  let count = 0;
  for (let y = 0; y < rows; y++) {
    const [top, bottom] = [inner.i0[down.i0[y]], inner.i1[down.i1[y]]];
    if (count > 0 && top === from[count - 1] && bottom === to[count - 1]) continue;
    first[count] = y;
    from[count] = top;
    to[count++] = bottom;
  }
  first[count] = rows;
  return { first, from, to, count };
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
 * Output columns that read the same columns of the logits share their spans: what lies inside or outside whatever the
 * weights is found once for all of them, and only the border is computed pixel by pixel.
 */
function collectColumns(resize: Resize, size: Size): ColumnMask {
  const { logits, inner, across, down } = resize;
  const builder = new ColumnMaskBuilder(size, 0);
  const segments = segmentsOf(inner, down);
  const spans: Spans = { kinds: new Uint8Array(segments.count), ends: new Int32Array(segments.count), count: 0 };
  const kinds = new Uint8Array(logits.side);
  const border = new BorderColumns(resize, segments, spans);
  let [from, to] = [-1, -1];
  for (let x = 0; x < across.i0.length; x++) {
    const [left, right] = [inner.i0[across.i0[x]], inner.i1[across.i1[x]]];
    const isNew = left !== from || right !== to;
    if (isNew) {
      [from, to] = [left, right];
      findKinds(logits, from, to, kinds);
      findSpans(kinds, segments, spans);
    }
    if (isNew || across.i0[x] !== across.i0[x - 1]) border.read(x, isNew);
    collectRuns(builder, border.at(x), spans, segments, down);
    builder.closeColumn();
  }
  return builder.finish();
}

/** Say for each row of the logits whether columns from..to are inside, outside, or both. */
function findKinds({ data, side }: LowResLogits, from: number, to: number, kinds: Uint8Array): void {
  for (let y = 0; y < side; y++) {
    const at = y * side;
    let kind = kindOf(data[at + from]);
    for (let x = from + 1; x <= to; x++) if (kindOf(data[at + x]) !== kind) kind = BORDER;
    kinds[y] = kind;
  }
}

function kindOf(logit: number): number {
  return logit > SAFE ? IN : logit <= 0 ? OUT : BORDER;
}

function findSpans(kinds: Uint8Array, { from, to, count }: Segments, spans: Spans): void {
  spans.count = 0;
  for (let i = 0; i < count; i++) {
    let kind = kinds[from[i]];
    for (let y = from[i] + 1; y <= to[i]; y++) if (kinds[y] !== kind) kind = BORDER;
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

/** The two columns at the model's input size that an output column reads, filled in only where there is border. */
class BorderColumns {
  private readonly row: Float32Array;
  private left: Float32Array;
  private right: Float32Array;
  private rightIndex = -1;

  constructor(
    private readonly resize: Resize,
    private readonly segments: Segments,
    private readonly spans: Spans,
  ) {
    const height = resize.inner.i0.length;
    this.row = new Float32Array(resize.logits.side);
    [this.left, this.right] = [new Float32Array(height), new Float32Array(height)];
  }

  at(x: number): Blend {
    const { across } = this.resize;
    return { left: this.left, right: this.right, a: across.w0[x], b: across.w1[x] };
  }

  /** Compute what output column x reads, and all columns that read the same; hasNewSpans since the call before. */
  read(x: number, hasNewSpans: boolean): void {
    const { i0, i1 } = this.resize.across;
    if (!hasNewSpans && i0[x] === this.rightIndex) [this.left, this.right] = [this.right, this.left];
    else this.fill(this.left, i0[x]);
    this.fill(this.right, i1[x]);
    this.rightIndex = i1[x];
  }

  private fill(column: Float32Array, x: number): void {
    const { first } = this.segments;
    const { kinds, ends, count } = this.spans;
    const { i0, i1 } = this.resize.down;
    for (let span = 0; span < count; span++) {
      if (kinds[span] !== BORDER) continue;
      this.fillRows(column, x, i0[first[span === 0 ? 0 : ends[span - 1]]], i1[first[ends[span]] - 1]);
    }
  }

  private fillRows(column: Float32Array, x: number, top: number, bottom: number): void {
    const { data, side } = this.resize.logits;
    const { i0, i1, w0, w1 } = this.resize.inner;
    const { row } = this;
    const [x0, x1, a, b] = [i0[x], i1[x], w0[x], w1[x]];
    for (let y = i0[top]; y <= i1[bottom]; y++) {
      row[y] = data[y * side + x0] * a + Math.fround(data[y * side + x1] * b);
    }
    for (let y = top; y <= bottom; y++) column[y] = row[i0[y]] * w0[y] + Math.fround(row[i1[y]] * w1[y]);
  }
}

/** Push the runs of one output column. */
function collectRuns(builder: ColumnMaskBuilder, blend: Blend, spans: Spans, segments: Segments, down: Taps): void {
  let start = -1;
  let segment = 0;
  for (let span = 0; span < spans.count; span++) {
    const end = spans.ends[span];
    const kind = spans.kinds[span];
    const row = segments.first[segment];
    if (kind === BORDER) start = collectBorder(builder, blend, row, segments.first[end], down, start);
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

/** Decide every pixel of rows from..to; returns where the run that is open at their end began, or -1. */
function collectBorder(
  builder: ColumnMaskBuilder,
  { left, right, a, b }: Blend,
  from: number,
  to: number,
  down: Taps,
  open: number,
): number {
  let start = open;
  let [u, p0, p1] = [-1, 0, 0];
  for (let row = from; row < to; row++) {
    if (down.i0[row] !== u) {
      u = down.i0[row];
      const l = down.i1[row];
      p0 = Math.fround(left[u] * a + Math.fround(right[u] * b));
      p1 = Math.fround(left[l] * a + Math.fround(right[l] * b));
    }
    if (start >= 0 ? p0 > SAFE && p1 > SAFE : p0 <= 0 && p1 <= 0) continue; // the run, or the gap, goes on
    const isSet = Math.fround(p0 * down.w0[row] + Math.fround(p1 * down.w1[row])) > 0;
    if (isSet === start >= 0) continue;
    if (isSet) start = row;
    else {
      builder.push(start, row);
      start = -1;
    }
  }
  return start;
}
