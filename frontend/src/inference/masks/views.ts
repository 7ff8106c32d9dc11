/**
 * Views of a photo: the whole of it or a crop, as each was encoded, and how their logits become one answer.
 * Mirrors masks/views.py of sam_core, which states the rules; fixtures/golden/views holds both to the same bits. ADR 0027.
 */
import {
  cellsOnPhoto,
  cellToImage,
  detailOf,
  geometryFor,
  imageToCell,
  type InputGeometry,
  type PhotoGeometry,
} from "../../geometry/photo-geometry";
import type { BoxXyxy, LowResLogits, Prompt, Size } from "../../geometry/types";
import type { RawAnswer } from "../../model/embedding-views";
import { limitCertainty } from "./certainty";
import { encodedSize, TO_PIXEL_CENTRE } from "./prompt-tokens";

export const SINGLE_MASK = 0;
const [AROUND_BOX, AROUND_CANDIDATES, AROUND_MASK] = [2, 1.3, 2];
const LEAST_SIDE_PX = 64;
const LEAST_SHORT_SIDE_PX = 32;
const LEAST_GAIN = 1.15;
const MARGIN = 0.1;
const FAR_SHARE = 0.4;

/** What was encoded: its geometry, and where the crop begins on the photo. */
export interface View {
  readonly geometry: PhotoGeometry;
  readonly x: number;
  readonly y: number;
}

export interface ViewAnswer extends RawAnswer {
  readonly view: View;
}

export function viewOf(photo: Size, crop: BoxXyxy | null, geometry: InputGeometry): View {
  return { geometry: geometryFor(encodedSize(photo, crop), geometry), x: crop?.x0 ?? 0, y: crop?.y0 ?? 0 };
}

/** All views together, from the whole photo to the closest crop, on the last one's grid; a flipped one follows its twin. */
export function mergeViews(answers: readonly ViewAnswer[]): RawAnswer {
  const levels = answers.reduce<ViewAnswer[][]>((found, next) => {
    const last = found.at(-1);
    if (last && isSameView(last[0].view, next.view)) last.push(next);
    else found.push([next]);
    return found;
  }, []);
  return levels.map(mean).reduce(onto);
}

/** A view and its flipped twin; one alone stays as it is. */
function mean(level: readonly ViewAnswer[]): ViewAnswer {
  return level.reduce((all, next, i) => ({ view: all.view, ...average(all, next, 1 / (i + 1)) }));
}

/** A wider view and a crop of it, on the crop's grid. */
function onto(far: ViewAnswer, near: ViewAnswer): ViewAnswer {
  const side = sideOf(near);
  const logits = onGridOf(far.logits, side, far.view, near.view);
  const wide = { logits, predictedIou: far.predictedIou };
  return { view: near.view, ...average(wide, near, cropWeight(far.view, near.view)) };
}

function average(far: RawAnswer, near: RawAnswer, share: number): RawAnswer {
  const logits = new Float32Array(far.logits.length);
  for (let i = 0; i < logits.length; i++) {
    logits[i] = limitCertainty(far.logits[i]) * (1 - share) + limitCertainty(near.logits[i]) * share;
  }
  const predictedIou = Float32Array.from(
    Array.from(far.predictedIou),
    (iou, i) => iou * (1 - share) + near.predictedIou[i] * share,
  );
  return { logits, predictedIou };
}

/** The weight of a crop's logits against a wider view's, 0..1: 1 - FAR_SHARE x the ratio of their details. */
export function cropWeight(view: View, crop: View): number {
  return 1 - FAR_SHARE * (detailOf(view.geometry) / detailOf(crop.geometry));
}

/** The box, in pixels of the photo, around the prompts and what was shown for them (candidates in decoder order). */
export function answerBox(
  prompts: readonly Prompt[],
  candidates: readonly { readonly maskLogits: LowResLogits }[],
  view: View,
): BoxXyxy {
  const places = prompts.map(placeOf);
  if (prompts.some(({ kind }) => kind === "box")) return hull(places);
  const masks =
    prompts.length === 1 ? candidates.slice(SINGLE_MASK + 1) : candidates.slice(SINGLE_MASK, SINGLE_MASK + 1);
  return hull([...places, ...masks.flatMap(({ maskLogits }) => boxOfCells(maskLogits, view) ?? [])]);
}

/** The smallest crop that holds a box with a margin around it, of equals the one most about it; null for none. */
export function cropThatFits(crops: readonly BoxXyxy[], box: BoxXyxy, photo: Size): BoxXyxy | null {
  const margin = Math.max(box.x1 - box.x0, box.y1 - box.y0) * MARGIN;
  const low = { x: Math.max(box.x0 - margin, 0), y: Math.max(box.y0 - margin, 0) };
  const high = { x: Math.min(box.x1 + margin, photo.width), y: Math.min(box.y1 + margin, photo.height) };
  const fitting = crops.filter(({ x0, y0, x1, y1 }) => x0 <= low.x && y0 <= low.y && x1 >= high.x && y1 >= high.y);
  return fitting.reduce<BoxXyxy | null>((best, next) => (best && !isBetter(next, best, box) ? best : next), null);
}

function isBetter(next: BoxXyxy, best: BoxXyxy, box: BoxXyxy): boolean {
  const [more, less] = [areaOf(next), areaOf(best)];
  return more < less || (more === less && distance(next, box) < distance(best, box));
}

/** The crop of this view that shows an answer's box larger; null where it would show hardly more. */
export function cropAround(box: BoxXyxy, prompts: readonly Prompt[], view: View): BoxXyxy | null {
  const { geometry, x: left, y: top } = view;
  const { width, height } = geometry.originalSize;
  const { x0, y0, x1, y1 } = box;
  const side = Math.max(Math.ceil(Math.max(x1 - x0, y1 - y0) * surroundings(prompts)), LEAST_SIDE_PX);
  const [columns, rows] = [Math.min(side, width), Math.min(side, height)];
  const showsMore = Math.max(columns, rows) * LEAST_GAIN <= Math.max(width, height);
  if (!showsMore || Math.min(columns, rows) < LEAST_SHORT_SIDE_PX) return null;
  const begin = (low: number, high: number, length: number, start: number, most: number): number =>
    start + Math.min(Math.max(Math.floor((low + high - length) / 2 + 0.5) - start, 0), most - length);
  const [x, y] = [begin(x0, x1, columns, left, width), begin(y0, y1, rows, top, height)];
  return { x0: x, y0: y, x1: x + columns, y1: y + rows };
}

function surroundings(prompts: readonly Prompt[]): number {
  if (prompts.some(({ kind }) => kind === "box")) return AROUND_BOX;
  return prompts.length === 1 ? AROUND_CANDIDATES : AROUND_MASK;
}

/** Whether a view shows all of another one. */
export function holdsView(view: View, crop: View): boolean {
  const [wide, near] = [view.geometry.originalSize, crop.geometry.originalSize];
  const [x, y] = [crop.x - view.x, crop.y - view.y];
  return x >= 0 && y >= 0 && x <= wide.width - near.width && y <= wide.height - near.height;
}

/** Planes of side x side logits of a view on the grid of a crop of it, bilinearly; never read from padding. */
export function onGridOf(planes: Float32Array, side: number, view: View, crop: View): Float32Array {
  if (isSameView(view, crop)) return planes;
  const across = tapsOf(side, view, crop, "width");
  const down = tapsOf(side, view, crop, "height");
  const out = new Float32Array(planes.length);
  const row = new Float32Array(2 * side);
  for (let start = 0; start < planes.length; start += side * side) {
    for (let y = 0, i = start; y < side; y++) {
      for (const [upper, source] of [down.i0[y], down.i1[y]].entries()) {
        const from = start + source * side;
        for (let x = 0; x < side; x++) {
          const [left, right] = [planes[from + across.i0[x]], planes[from + across.i1[x]]];
          row[upper * side + x] = left * across.w0[x] + Math.fround(right * across.w1[x]);
        }
      }
      for (let x = 0; x < side; x++, i++) out[i] = row[x] * down.w0[y] + Math.fround(row[side + x] * down.w1[y]);
    }
  }
  return out;
}

/** The candidates' logits, in decoder order. */
export function planesOf(answer: RawAnswer): LowResLogits[] {
  const side = sideOf(answer);
  const size = side * side;
  return Array.from(answer.predictedIou, (_, i) => ({ data: answer.logits.subarray(i * size, (i + 1) * size), side }));
}

function sideOf({ logits, predictedIou }: RawAnswer): number {
  return Math.sqrt(logits.length / predictedIou.length);
}

/** Whether both show the same part of the photo; one of them may be flipped. */
function isSameView(a: View, b: View): boolean {
  const [one, other] = [a.geometry.originalSize, b.geometry.originalSize];
  return a.x === b.x && a.y === b.y && one.width === other.width && one.height === other.height;
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

function areaOf({ x0, y0, x1, y1 }: BoxXyxy): number {
  return (x1 - x0) * (y1 - y0);
}

/** How far (squared pixels) the middles of both are apart, times four. */
function distance(a: BoxXyxy, b: BoxXyxy): number {
  const [across, down] = [a.x0 + a.x1 - b.x0 - b.x1, a.y0 + a.y1 - b.y0 - b.y1];
  return across * across + down * down;
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
  const across = (column: number): number => cellToImage(column, side, geometry, "width") + left;
  const down = (row: number): number => cellToImage(row, side, geometry, "height") + top;
  return { x0: across(x0), y0: down(y0), x1: across(x1 + 1), y1: down(y1 + 1) };
}

/** Where the crop's cells read the wider view's along one axis, bilinearly and never its padding. */
function tapsOf(side: number, view: View, crop: View, axis: "width" | "height") {
  const start = axis === "width" ? "x" : "y";
  const { rows, columns } = cellsOnPhoto(side, view.geometry);
  const last = (axis === "width" ? columns : rows) - 1;
  const [i0, i1, w0, w1] = [new Int32Array(side), new Int32Array(side), new Float32Array(side), new Float32Array(side)];
  for (let i = 0; i < side; i++) {
    const inPhoto = cellToImage(i + 0.5, side, crop.geometry, axis) + crop[start];
    const at = imageToCell(inPhoto - view[start], side, view.geometry, axis) - 0.5;
    const source = Math.fround(Math.min(Math.max(at, 0), last));
    i0[i] = Math.floor(source);
    i1[i] = Math.min(i0[i] + 1, last);
    w1[i] = source - i0[i];
    w0[i] = 1 - w1[i];
  }
  return { i0, i1, w0, w1 };
}
