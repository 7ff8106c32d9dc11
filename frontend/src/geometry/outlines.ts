/**
 * The closed outlines of a mask along its pixel edges, ready to fill and stroke.
 *
 * Outer outlines run clockwise on the screen, holes the other way. Knows nothing of canvases.
 */
import { columnCount, columnRange, type ColumnMask } from "./column-mask";

/** Flat (x, y, x, y, ...) corners of one closed loop. */
export type Outline = Float32Array;

/** Directed pixel edges, chained by the corner where each starts. */
class EdgeSet {
  private readonly ends: number[] = [];
  private readonly following: number[] = [];
  private readonly firstAt = new Map<number, number>();

  constructor(private readonly stride: number) {}

  add(x0: number, y0: number, x1: number, y1: number): void {
    const start = x0 * this.stride + y0;
    this.following.push(this.firstAt.get(start) ?? -1);
    this.firstAt.set(start, this.ends.length);
    this.ends.push(x1 * this.stride + y1);
  }

  /** Take an edge that starts at a corner, and give the corner where it ends; -1 when none is left. */
  take(corner: number): number {
    const edge = this.firstAt.get(corner) ?? -1;
    if (edge < 0) return -1;
    const next = this.following[edge];
    if (next < 0) this.firstAt.delete(corner);
    else this.firstAt.set(corner, next);
    return this.ends[edge];
  }

  anyCorner(): number | undefined {
    return this.firstAt.keys().next().value;
  }
}

/** Trace every outline of a mask; straight stretches keep only their two ends. */
export function traceOutlines(mask: ColumnMask): Outline[] {
  const stride = mask.size.height + 1;
  const edges = collectEdges(mask, stride);
  const loops: Outline[] = [];
  for (let start = edges.anyCorner(); start !== undefined; start = edges.anyCorner()) {
    loops.push(withoutStraights(walkLoop(edges, start), stride));
  }
  return loops;
}

function collectEdges(mask: ColumnMask, stride: number): EdgeSet {
  const edges = new EdgeSet(stride);
  for (let i = 0; i < columnCount(mask); i++) {
    const x = mask.x0 + i;
    for (let r = mask.offsets[i]; r < mask.offsets[i + 1]; r += 2) {
      edges.add(x, mask.runs[r], x + 1, mask.runs[r]);
      edges.add(x + 1, mask.runs[r + 1], x, mask.runs[r + 1]);
    }
  }
  for (let x = mask.x0; x <= mask.x0 + columnCount(mask); x++) {
    eachDifference(mask, x - 1, x, (y0, y1) => edges.add(x, y0, x, y1));
    eachDifference(mask, x, x - 1, (y0, y1) => edges.add(x, y1, x, y0));
  }
  return edges;
}

/** Visit the rows set in column `x` and not in column `other`. */
function eachDifference(mask: ColumnMask, x: number, other: number, visit: (y0: number, y1: number) => void): void {
  const [from, to] = columnRange(mask, x);
  let [j, otherTo] = columnRange(mask, other);
  const { runs } = mask;
  for (let i = from; i < to; i += 2) {
    let row = runs[i];
    const end = runs[i + 1];
    while (j < otherTo && runs[j + 1] <= row) j += 2;
    for (let k = j; k < otherTo && runs[k] < end; k += 2) {
      if (runs[k] > row) visit(row, runs[k]);
      row = Math.max(row, runs[k + 1]);
    }
    if (row < end) visit(row, end);
  }
}

function walkLoop(edges: EdgeSet, start: number): number[] {
  const corners = [start];
  for (let corner = edges.take(start); corner !== start && corner >= 0; corner = edges.take(corner))
    corners.push(corner);
  return corners;
}

function withoutStraights(corners: readonly number[], stride: number): Outline {
  const points: number[] = [];
  for (let i = 0; i < corners.length; i++) {
    const before = corners[(i + corners.length - 1) % corners.length];
    const at = corners[i];
    const after = corners[(i + 1) % corners.length];
    const x = Math.floor(at / stride);
    const y = at % stride;
    const isVertical = Math.floor(before / stride) === x && Math.floor(after / stride) === x;
    const isLevel = before % stride === y && after % stride === y;
    if (!isVertical && !isLevel) points.push(x, y);
  }
  return Float32Array.from(points);
}

/** Cut each corner by up to half a pixel, which turns stairs into slopes where pixels are too small to see. */
export function softenOutline(outline: Outline): Outline {
  const count = outline.length / 2;
  const soft = new Float32Array(outline.length * 2);
  for (let i = 0; i < count; i++) {
    const before = (i + count - 1) % count;
    const after = (i + 1) % count;
    writeTowards(soft, i * 4, outline, i, before);
    writeTowards(soft, i * 4 + 2, outline, i, after);
  }
  return soft;
}

function writeTowards(out: Float32Array, at: number, outline: Outline, from: number, to: number): void {
  const x = outline[from * 2];
  const y = outline[from * 2 + 1];
  const dx = outline[to * 2] - x;
  const dy = outline[to * 2 + 1] - y;
  const share = Math.min(0.5, 0.5 / Math.max(Math.abs(dx) + Math.abs(dy), 1e-6));
  out[at] = x + dx * share;
  out[at + 1] = y + dy * share;
}
