/**
 * A closer look: what is small on a photo is encoded once more from near by, and both answers become one.
 * Mirrors masks/closer.py of sam_core, which states the rule; fixtures/golden/closer holds both together. ADR 0024.
 */
import { sameBox, type BoxXyxy, type LowResLogits, type Prompt, type Size } from "../geometry/types";
import { geometryFor, type MaskGeometry } from "../geometry/upsample";
import { CLEARLY } from "./candidates";
import { cellsOnPhoto } from "./cells";
import { encodedSize, TO_PIXEL_CENTRE } from "./prompt-tokens";

export const SINGLE_MASK = 0;
const [AROUND_BOX, AROUND_CANDIDATES, AROUND_MASK] = [2, 1.3, 2];
const LEAST_SIDE_PX = 64;
const LEAST_SHORT_SIDE_PX = 32;
const LEAST_GAIN = 1.15;
const CERTAIN = 8;
const FAR_SHARE = 0.4;
/** Parts that are looked at, one closer than the other, at most. */
const LOOKS = 3;

/** What was encoded: the photo or a part of it, and where that begins. */
export interface View {
  readonly geometry: MaskGeometry;
  readonly x: number;
  readonly y: number;
}

export function viewOf(photo: Size, part: BoxXyxy | null, imageSize: number): View {
  return { geometry: geometryFor(encodedSize(photo, part), imageSize), x: part?.x0 ?? 0, y: part?.y0 ?? 0 };
}

/** What is looked at: a part of the photo, or all of it (null), plainly or in a mirror. */
export interface Look {
  readonly part: BoxXyxy | null;
  readonly isMirrored: boolean;
}

/** What was shown for prompts, and the views that gave it, from afar to near. */
interface Answered {
  readonly prompts: readonly Prompt[];
  readonly candidates: readonly { readonly shown: LowResLogits }[];
  readonly seen: readonly { readonly embedding: { readonly cropBox: BoxXyxy | null; readonly isMirrored: boolean } }[];
}

/**
 * What to look at next: the same in a mirror, then the part around what is small, and that again while it does not show
 * all of the photo's detail, and the last part in a mirror as well; null in the end.
 */
export function nextLook({ prompts, candidates, seen }: Answered, photo: Size, imageSize: number): Look | null {
  const nearest = seen.at(-1)?.embedding;
  if (!nearest || prompts.length === 0) return null;
  const inMirror = { part: nearest.cropBox, isMirrored: true };
  if (seen.length === 1 && !nearest.isMirrored) return inMirror;
  const looks = seen.filter(({ embedding }, i) => i > 0 && !sameBox(embedding.cropBox, seen[i - 1].embedding.cropBox));
  if (looks.length > 0 && nearest.isMirrored) return null;
  const view = viewOf(photo, nearest.cropBox, imageSize);
  const isNearEnough = looks.length >= LOOKS || (looks.length > 0 && showsAll(view));
  const part = isNearEnough ? null : partToLookAt(prompts, candidates, view);
  if (part) return { part, isMirrored: false };
  return looks.length > 0 ? inMirror : null;
}

/** The part of the photo that deserves a closer look after these candidates (in decoder order) were shown, or null. */
export function partToLookAt(
  prompts: readonly Prompt[],
  candidates: readonly { readonly shown: LowResLogits }[],
  view: View,
): BoxXyxy | null {
  if (prompts.length === 0) return null;
  const places = prompts.map(placeOf);
  if (prompts.some(({ kind }) => kind === "box")) return around(hull(places), view, AROUND_BOX);
  const isAmbiguous = prompts.length === 1;
  const masks = isAmbiguous ? candidates.slice(SINGLE_MASK + 1) : candidates.slice(SINGLE_MASK, SINGLE_MASK + 1);
  const boxes = masks.flatMap(({ shown }) => boxOfCells(shown, view) ?? []);
  return around(hull([...places, ...boxes]), view, isAmbiguous ? AROUND_CANDIDATES : AROUND_MASK);
}

/**
 * Both views' logits, plane by plane, on the grid of the closer one, which is a part of the other, or all of it, and
 * counts `shares` for each candidate.
 */
export function mergedLogits(
  far: readonly LowResLogits[],
  near: readonly LowResLogits[],
  [view, closer]: readonly [View, View],
  shares: readonly number[],
): Float32Array {
  const { side } = far[0];
  const across = tapsOf(side, axisOf(view, closer, "width", "x"));
  const down = tapsOf(side, axisOf(view, closer, "height", "y"));
  const merged = new Float32Array(far.length * side * side);
  const row = new Float32Array(2 * side);
  far.forEach(({ data }, k) => {
    const start = k * side * side;
    const closest = near[k].data;
    const share = shares[k];
    for (let y = 0, i = 0; y < side; y++) {
      for (const [upper, source] of [down.i0[y], down.i1[y]].entries()) {
        for (let x = 0; x < side; x++) {
          const [left, right] = [data[source * side + across.i0[x]], data[source * side + across.i1[x]]];
          row[upper * side + x] = left * across.w0[x] + Math.fround(right * across.w1[x]);
        }
      }
      for (let x = 0; x < side; x++, i++) {
        const seen = Math.fround(row[x] * down.w0[y] + Math.fround(row[side + x] * down.w1[y]));
        merged[start + i] = limited(seen) * (1 - share) + limited(closest[i]) * share;
      }
    }
  });
  return merged;
}

/** What both views predict of their candidates' IoU, averaged like the logits. */
export function mergedScores(far: ArrayLike<number>, near: ArrayLike<number>, shares: readonly number[]): Float32Array {
  return Float32Array.from(shares, (share, i) => far[i] * (1 - share) + near[i] * share);
}

/**
 * What a part counts for each candidate: `share`, and nothing for the one that is shown where it is clearly less sure of
 * that than all views before it. Such a part cuts off what belongs to it.
 */
export function sharesForEach(
  share: number,
  scores: ArrayLike<number>,
  closerScores: ArrayLike<number>,
  shown: number,
): number[] {
  const isLessSure = closerScores[shown] < Math.fround(scores[shown] - CLEARLY);
  return Array.from(scores, (_, i) => (isLessSure && i === shown ? 0 : share));
}

/**
 * What each view but the first counts beside all before it, 0..1; they come from afar to near. Of two views of the same
 * part the second one is in a mirror, and counts as much as its twin.
 */
export function sharesOf(views: readonly View[]): number[] {
  let [total, own] = [1, 1];
  return views.slice(1).map((view, i) => {
    if (!showSamePart(views[i], view)) {
      const share = closerShare(views[i], view);
      own = (total * share) / (1 - share);
    }
    total += own;
    return own / total;
  });
}

/** What the closer view counts, 0..1: the more, the less of the photo's detail the other one shows. */
export function closerShare(view: View, closer: View): number {
  return 1 - FAR_SHARE * (detailOf(view) / detailOf(closer));
}

/** Whether one is the other in a mirror. */
export function showSamePart(a: View, b: View): boolean {
  const [one, other] = [a.geometry.originalSize, b.geometry.originalSize];
  return a.x === b.x && a.y === b.y && one.width === other.width && one.height === other.height;
}

/** Whether a view from nearer by has no more of the photo's own detail to show. */
export function showsAll(view: View): boolean {
  return detailOf(view) === 1;
}

/** How many of the model's pixels show one of the photo's; 1 at most. */
function detailOf({ geometry: { inputSize, originalSize } }: View): number {
  const [input, original] = [inputSize, originalSize].map(({ width, height }) => Math.max(width, height));
  return Math.min(1, input / original);
}

function limited(logit: number): number {
  return logit < -CERTAIN ? -CERTAIN : logit > CERTAIN ? CERTAIN : logit;
}

/** A prompt as a box: of no size for a point, in the pixel coordinates that the model counts in. */
function placeOf(prompt: Prompt): BoxXyxy {
  if (prompt.kind === "box") return prompt.box;
  const [x, y] = [prompt.point.x + TO_PIXEL_CENTRE, prompt.point.y + TO_PIXEL_CENTRE];
  return { x0: x, y0: y, x1: x, y1: y };
}

function hull(boxes: readonly BoxXyxy[]): BoxXyxy {
  return boxes.reduce((all, { x0, y0, x1, y1 }) => ({
    x0: Math.min(all.x0, x0),
    y0: Math.min(all.y0, y0),
    x1: Math.max(all.x1, x1),
    y1: Math.max(all.y1, y1),
  }));
}

function around({ x0, y0, x1, y1 }: BoxXyxy, { geometry, x: left, y: top }: View, times: number): BoxXyxy | null {
  const { width, height } = geometry.originalSize;
  const side = Math.max(Math.ceil(Math.max(x1 - x0, y1 - y0) * times), LEAST_SIDE_PX);
  const [columns, rows] = [Math.min(side, width), Math.min(side, height)];
  const showsMore = Math.max(columns, rows) * LEAST_GAIN <= Math.max(width, height);
  if (!showsMore || Math.min(columns, rows) < LEAST_SHORT_SIDE_PX) return null;
  const begin = (low: number, high: number, length: number, start: number, most: number): number =>
    start + Math.min(Math.max(Math.floor((low + high - length) / 2 + 0.5) - start, 0), most - length);
  const [x, y] = [begin(x0, x1, columns, left, width), begin(y0, y1, rows, top, height)];
  return { x0: x, y0: y, x1: x + columns, y1: y + rows };
}

/** The box, in pixels of the photo, around the cells above zero; null without any. */
function boxOfCells({ data, side }: LowResLogits, { geometry, x: left, y: top }: View): BoxXyxy | null {
  const { rows, columns } = cellsOnPhoto(side, geometry);
  let [x0, y0, x1, y1] = [columns, rows, -1, -1];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      if (!(data[y * side + x] > 0)) continue;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      y1 = y;
    }
  }
  if (x1 < 0) return null;
  const { imageSize, inputSize, originalSize } = geometry;
  const cell = imageSize / side;
  const across = (column: number): number => (column * cell * originalSize.width) / inputSize.width + left;
  const down = (row: number): number => (row * cell * originalSize.height) / inputSize.height + top;
  return { x0: across(x0), y0: down(y0), x1: across(x1 + 1), y1: down(y1 + 1) };
}

interface Axis {
  readonly imageSize: number;
  /** What was encoded of the photo along this axis, as what it was scaled to, and where it begins. */
  readonly far: { readonly original: number; readonly input: number; readonly start: number };
  readonly near: Axis["far"];
}

function axisOf(view: View, closer: View, length: "width" | "height", start: "x" | "y"): Axis {
  const part = ({ geometry, ...origin }: View): Axis["far"] => ({
    original: geometry.originalSize[length],
    input: geometry.inputSize[length],
    start: origin[start],
  });
  return { imageSize: view.geometry.imageSize, far: part(view), near: part(closer) };
}

/** Where the closer view's cells read the other's, bilinearly and never its padding. */
function tapsOf(side: number, { imageSize, far, near }: Axis) {
  const cell = imageSize / side;
  const last = Math.ceil(far.input / cell) - 1;
  const [i0, i1, w0, w1] = [new Int32Array(side), new Int32Array(side), new Float32Array(side), new Float32Array(side)];
  for (let i = 0; i < side; i++) {
    const inPhoto = ((i + 0.5) * cell * near.original) / near.input + near.start;
    const at = ((inPhoto - far.start) * far.input) / far.original / cell - 0.5;
    const source = Math.fround(Math.min(Math.max(at, 0), last));
    i0[i] = Math.floor(source);
    i1[i] = Math.min(i0[i] + 1, last);
    w1[i] = source - i0[i];
    w0[i] = 1 - w1[i];
  }
  return { i0, i1, w0, w1 };
}
