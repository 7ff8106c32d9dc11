/**
 * The outlines of masks as canvas paths, at the level of detail that the zoom needs, kept for as long as a mask lives.
 *
 * A level halves the mask until one of its pixels is about one on the screen, so a path costs what can be seen.
 */
import { sampleMask, type ColumnMask } from "../geometry/column-mask";
import { softenOutline, traceOutlines } from "../geometry/outlines";

/** From this many screen pixels on, the photo's own pixels can be told apart and are drawn as they are. */
const HONEST_PIXELS_FROM = 3;

/** Thirty crossings a column of a full screen; masks of photos have two to six. */
const MOST_RUNS = 30_000;

/** How many photo pixels go into one of the path's, a power of two. */
export function detailStep(scale: number): number {
  let step = 1;
  while (step * 2 * scale <= 1 && step < 64) step *= 2;
  return step;
}

/** As detailStep, but rather too coarse than too fine: for a mask that stands for a frame, a fourth of the pixels. */
export function samplingStep(scale: number): number {
  const step = detailStep(scale);
  return step > 1 && step < 64 && step * scale < 1 ? 2 * step : step;
}

export class MaskPaths {
  private readonly cache = new WeakMap<ColumnMask, Map<string, Path2D>>();

  /** The path of a mask in image pixels, for a zoom. `sampledBy`: each of the mask's pixels stands for so many. */
  pathOf(mask: ColumnMask, scale: number, sampledBy = 1): Path2D {
    const step = Math.max(detailStep(scale), sampledBy);
    const isSoft = scale * step < HONEST_PIXELS_FROM;
    const key = `${step}${isSoft ? "s" : ""}`;
    const paths = this.cache.get(mask) ?? new Map<string, Path2D>();
    const kept = paths.get(key);
    if (kept) return kept;
    // Two levels at most: the one in use and the one before it.
    if (paths.size > 1) paths.delete([...paths.keys()][0]);
    const path = traceBounded(mask, sampledBy, step, isSoft);
    this.cache.set(mask, paths.set(key, path));
    return path;
  }
}

/** Trace a coarser sample where borders are as dense as noise: tracing all of them would stop the page for seconds. */
function traceBounded(mask: ColumnMask, sampledBy: number, wantedStep: number, isSoft: boolean): Path2D {
  let step = wantedStep;
  let seen = sampleMask(mask, step / sampledBy);
  while (wantedStep > 1 && seen.runs.length > 2 * MOST_RUNS) {
    step *= 2;
    seen = sampleMask(mask, step / sampledBy);
  }
  return tracePath(seen, step, isSoft);
}

/** The outlines of a mask whose pixels are `step` wide. */
function tracePath(mask: ColumnMask, step: number, isSoft: boolean): Path2D {
  const path = new Path2D();
  for (const outline of traceOutlines(mask)) {
    const points = isSoft ? softenOutline(outline) : outline;
    path.moveTo(points[0] * step, points[1] * step);
    for (let i = 2; i < points.length; i += 2) path.lineTo(points[i] * step, points[i + 1] * step);
    path.closePath();
  }
  return path;
}
