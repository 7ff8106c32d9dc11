/**
 * What a brush, a lasso and a box cover, as masks at the precision of the original photo.
 *
 * A pixel is covered when its middle is. Knows nothing of pointers or tools.
 */
import { ColumnMaskBuilder, type ColumnMask } from "./column-mask";
import type { BoxXyxy, ImagePoint, Size } from "./types";

export type BrushShape = "round" | "square";

/** One end of a stroke segment; the radius is in image pixels and may differ from end to end (pen pressure). */
export interface Dab {
  readonly point: ImagePoint;
  readonly radius: number;
}

type Extent = [number, number];

/** The area that a brush sweeps from one dab to the next; also a single dab when both are the same. */
export function sweepBrush(from: Dab, to: Dab, shape: BrushShape, size: Size): ColumnMask {
  const reach = Math.max(from.radius, to.radius);
  const x0 = clampInt(Math.floor(Math.min(from.point.x, to.point.x) - reach), size.width);
  const x1 = clampInt(Math.ceil(Math.max(from.point.x, to.point.x) + reach) + 1, size.width);
  const hull = shape === "round" ? bodyCorners(from, to) : [...squareCorners(from), ...squareCorners(to)];
  const builder = new ColumnMaskBuilder(size, x0);
  for (let x = x0; x < x1; x++) {
    const extent = hullExtent(hull, x + 0.5);
    if (shape === "round") for (const dab of [from, to]) addDisc(extent, dab, x + 0.5);
    pushExtent(builder, extent, size);
    builder.closeColumn();
  }
  return builder.finish();
}

/** The four points that join two discs into one capsule. */
function bodyCorners(from: Dab, to: Dab): ImagePoint[] {
  const dx = to.point.x - from.point.x;
  const dy = to.point.y - from.point.y;
  const length = Math.hypot(dx, dy);
  if (length === 0) return [];
  return [from, to].flatMap(({ point, radius }) => {
    const nx = (-dy / length) * radius;
    const ny = (dx / length) * radius;
    return [
      { x: point.x + nx, y: point.y + ny },
      { x: point.x - nx, y: point.y - ny },
    ];
  });
}

function squareCorners({ point, radius }: Dab): ImagePoint[] {
  return [-radius, radius].flatMap((dx) => [-radius, radius].map((dy) => ({ x: point.x + dx, y: point.y + dy })));
}

/** Where the vertical line at x crosses the convex hull of a few points: the extremes over all their pairs. */
function hullExtent(points: readonly ImagePoint[], x: number): Extent {
  const extent: Extent = [Infinity, -Infinity];
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      const p = points[i];
      const q = points[j];
      if (Math.min(p.x, q.x) > x || Math.max(p.x, q.x) < x) continue;
      if (p.x === q.x) grow(extent, Math.min(p.y, q.y), Math.max(p.y, q.y));
      else {
        const y = p.y + ((q.y - p.y) * (x - p.x)) / (q.x - p.x);
        grow(extent, y, y);
      }
    }
  }
  return extent;
}

function addDisc(extent: Extent, { point, radius }: Dab, x: number): void {
  const dx = x - point.x;
  if (Math.abs(dx) > radius) return;
  const dy = Math.sqrt(radius * radius - dx * dx);
  grow(extent, point.y - dy, point.y + dy);
}

function grow(extent: Extent, low: number, high: number): void {
  if (low < extent[0]) extent[0] = low;
  if (high > extent[1]) extent[1] = high;
}

function pushExtent(builder: ColumnMaskBuilder, [low, high]: Extent, size: Size): void {
  if (high < low) return;
  builder.push(clampInt(Math.ceil(low - 0.5), size.height), clampInt(Math.floor(high - 0.5) + 1, size.height));
}

/** The inside of a closed polygon by the even-odd rule. */
export function fillPolygon(points: readonly ImagePoint[], size: Size): ColumnMask {
  const xs = points.map((point) => point.x);
  const x0 = clampInt(Math.floor(Math.min(...xs, Infinity)), size.width);
  const x1 = clampInt(Math.ceil(Math.max(...xs, -Infinity)) + 1, size.width);
  const builder = new ColumnMaskBuilder(size, x0);
  for (let x = x0; x < x1; x++) {
    const crossings = crossingsAt(points, x + 0.5);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const start = clampInt(Math.ceil(crossings[i] - 0.5), size.height);
      builder.push(start, clampInt(Math.ceil(crossings[i + 1] - 0.5), size.height));
    }
    builder.closeColumn();
  }
  return builder.finish();
}

/** Rows where the polygon's edges cross a vertical line, from the top. An edge owns its left end only. */
function crossingsAt(points: readonly ImagePoint[], x: number): number[] {
  const rows: number[] = [];
  for (let i = 0; i < points.length; i++) {
    const p = points[i];
    const q = points[(i + 1) % points.length];
    if (p.x <= x === q.x <= x) continue;
    rows.push(p.y + ((q.y - p.y) * (x - p.x)) / (q.x - p.x));
  }
  return rows.sort((a, b) => a - b);
}

/** All pixels of a box, clipped to the photo. */
export function fillBox(box: BoxXyxy, size: Size): ColumnMask {
  const x0 = clampInt(Math.round(box.x0), size.width);
  const builder = new ColumnMaskBuilder(size, x0);
  for (let x = x0; x < clampInt(Math.round(box.x1), size.width); x++) {
    builder.push(clampInt(Math.round(box.y0), size.height), clampInt(Math.round(box.y1), size.height));
    builder.closeColumn();
  }
  return builder.finish();
}

function clampInt(value: number, high: number): number {
  return Math.min(Math.max(value, 0), high);
}
