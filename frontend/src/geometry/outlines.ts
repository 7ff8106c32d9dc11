/**
 * The closed outlines of a mask along its pixel edges, ready to fill and stroke.
 *
 * Outer outlines run clockwise on the screen, holes the other way. Knows nothing of canvases.
 */
import { columnCount, columnRange, type ColumnMask } from "./column-mask";

/** Flat (x, y, x, y, ...) corners of one closed loop. */
export type Outline = Float32Array;

/**
 * Directed pixel edges, chained by the corner where each starts. A hash table of plain numbers: thousands of masks are
 * traced for one picture, and a Map costs several times as much.
 */
class EdgeSet {
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];
  private following = new Int32Array(0);
  private corners = new Int32Array(0);
  private firstAt = new Int32Array(0);
  private isTaken = new Uint8Array(0);
  private begun = 0;

  constructor(private readonly stride: number) {}

  add(x0: number, y0: number, x1: number, y1: number): void {
    this.starts.push(x0 * this.stride + y0);
    this.ends.push(x1 * this.stride + y1);
  }

  /** Make the edges findable; none may be added afterwards. */
  close(): this {
    const count = this.starts.length;
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(count, 1) * 2));
    this.corners = new Int32Array(capacity).fill(-1);
    this.firstAt = new Int32Array(capacity).fill(-1);
    this.following = new Int32Array(count);
    this.isTaken = new Uint8Array(count);
    for (let edge = 0; edge < count; edge++) {
      const slot = this.slotOf(this.starts[edge]);
      this.corners[slot] = this.starts[edge];
      this.following[edge] = this.firstAt[slot];
      this.firstAt[slot] = edge;
    }
    return this;
  }

  /** Take an edge that starts at a corner, and give the corner where it ends; -1 when none is left. */
  take(corner: number): number {
    const slot = this.slotOf(corner);
    const edge = this.firstAt[slot];
    if (edge < 0) return -1;
    this.firstAt[slot] = this.following[edge];
    this.isTaken[edge] = 1;
    return this.ends[edge];
  }

  /** A corner from which an edge is left; undefined when there is none. */
  anyCorner(): number | undefined {
    while (this.isTaken[this.begun] === 1) this.begun++;
    return this.starts.at(this.begun);
  }

  /** Where a corner is in the table, or the free place where it would go. */
  private slotOf(corner: number): number {
    const last = this.corners.length - 1;
    let slot = Math.imul(corner, 0x9e3779b1) & last;
    while (this.corners[slot] !== corner && this.corners[slot] !== -1) slot = (slot + 1) & last;
    return slot;
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
  return edges.close();
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
