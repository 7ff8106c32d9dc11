/**
 * From the graph's output to candidates, and which one to show. Mirrors masks/choice.py and masks/stability.py of
 * sam_core; fixtures/golden/choice holds both to the same numbers.
 */
import { cellAt, cellsOnPhoto, type PhotoGeometry } from "../../geometry/photo-geometry";
import type { LowResLogits } from "../../geometry/types";
import type { Candidate } from "../../model/embedding-views";
import { FOREGROUND, PADDING, type PromptTokens } from "./prompt-tokens";

const STABILITY_OFFSET = 1;
const CENTRALITY_WEIGHT = 0.5;
const INDICES = [0, 1, 2, 3] as const;
// steps of the 3 x 3 chamfer distance (Borgefors 1986; OpenCV's values in 16.16 fixed point)
const [STRAIGHT, DIAGONAL] = [62587, 89738];

/** Cut the answer to a prompt, logits (4 x side x side, shared) and scores, into candidates, in decoder order. */
export function toCandidates(
  logits: Float32Array,
  predictedIou: ArrayLike<number>,
  geometry: PhotoGeometry,
  show: ((own: LowResLogits, index: number) => LowResLogits) | null = null,
): Candidate[] {
  const side = Math.sqrt(logits.length / INDICES.length);
  return INDICES.map((index) => {
    const own: LowResLogits = { data: logits.subarray(index * side * side, (index + 1) * side * side), side };
    let maskLogits: LowResLogits | null = show ? null : own;
    return {
      index,
      predictedIou: predictedIou[index],
      stabilityScore: stabilityScore(own, geometry),
      logits: own,
      // most candidates are never looked at
      get maskLogits() {
        return (maskLogits ??= show ? show(own, index) : own);
      },
    };
  });
}

/**
 * A single click is ambiguous: the best of 1..3. A box or more prompts: 0. The best is the one with the highest predicted
 * IoU, or, for a foreground click on a model that weighs it, the highest sum of that, stability and half the centrality.
 * ADR 0017 and 0018.
 */
export function chooseCandidate(
  { coords, labels }: PromptTokens,
  candidates: readonly Candidate[],
  geometry: PhotoGeometry,
  { weighsClick }: { readonly weighsClick: boolean },
): number {
  const points = labels.filter((label) => label !== PADDING);
  if (points.length > 1) return 0;
  const isWeighed = weighsClick && points[0] === FOREGROUND;
  const ranked = candidates.slice(1).map(({ index, logits, predictedIou, stabilityScore }) => ({
    index,
    logits,
    score: isWeighed ? predictedIou + stabilityScore : predictedIou,
  }));
  if (!isWeighed) return bestOf(ranked).index;
  // The likeliest first: mostly no other can catch up with it any more, however central the click is in it.
  ranked.sort((a, b) => b.score - a.score);
  const weighed: Ranked[] = [];
  for (const { index, logits, score } of ranked) {
    if (weighed.some((other) => other.score > score + CENTRALITY_WEIGHT)) continue;
    const central = centrality(logits, geometry, coords[0], coords[1]);
    weighed.push({ index, score: score + CENTRALITY_WEIGHT * central });
  }
  return bestOf(weighed).index;
}

interface Ranked {
  readonly index: number;
  readonly score: number;
}

/** The highest score, of equals the first in decoder order. */
function bestOf(ranked: readonly Ranked[]): Ranked {
  return ranked.reduce((best, next) => {
    const isBetter = next.score > best.score || (next.score === best.score && next.index < best.index);
    return isBetter ? next : best;
  });
}

/** Area above +1 over area above -1, on the part of the logits that lies on the photo. */
export function stabilityScore({ data, side }: LowResLogits, geometry: PhotoGeometry): number {
  const { rows, columns } = cellsOnPhoto(side, geometry);
  let [inner, outer] = [0, 0];
  for (let y = 0; y < rows; y++) {
    for (let i = y * side; i < y * side + columns; i++) {
      if (data[i] > -STABILITY_OFFSET) outer++;
      if (data[i] > STABILITY_OFFSET) inner++;
    }
  }
  return outer === 0 ? 0 : inner / outer;
}

/**
 * How near a click (model pixels) lies to the middle of a mask: its cell's distance to the border, the photo's
 * included, over the largest there is; 0 outside the mask.
 */
export function centrality({ data, side }: LowResLogits, geometry: PhotoGeometry, x: number, y: number): number {
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const { row, column } = cellAt(x, y, side, geometry);
  if (!(data[row * side + column] > 0)) return 0;
  const { left, top, right, bottom } = boundsOf(data, side, rows, columns);
  // a frame of zeros around the mask's box saves the border cases
  const width = right - left + 3;
  const depth = new Int32Array(width * (bottom - top + 3));
  for (let r = top; r <= bottom; r++) {
    let i = (r - top + 1) * width + 1;
    for (let c = left; c <= right; c++, i++) {
      if (data[r * side + c] > 0) depth[i] = nearest(depth, i, -1, -width);
    }
  }
  let deepest = 0;
  for (let r = bottom; r >= top; r--) {
    let i = (r - top + 1) * width + right - left + 1;
    for (let c = right; c >= left; c--, i--) {
      if (depth[i] === 0) continue;
      const other = nearest(depth, i, 1, width);
      if (other < depth[i]) depth[i] = other;
      if (depth[i] > deepest) deepest = depth[i];
    }
  }
  return depth[(row - top + 1) * width + column - left + 1] / deepest;
}

/** The shortest way over the neighbour `beside` and the three neighbours in the row `beyond`. Hot: no Math.min. */
function nearest(depth: Int32Array, at: number, beside: number, beyond: number): number {
  const above = at + beyond;
  let straight = depth[at + beside];
  if (depth[above] < straight) straight = depth[above];
  let diagonal = depth[above - 1];
  if (depth[above + 1] < diagonal) diagonal = depth[above + 1];
  return straight + STRAIGHT < diagonal + DIAGONAL ? straight + STRAIGHT : diagonal + DIAGONAL;
}

/** The box, ends included, of the cells above zero; there is one. */
function boundsOf(data: Float32Array, side: number, rows: number, columns: number) {
  let [left, top, right, bottom] = [columns, -1, -1, -1];
  for (let r = 0; r < rows; r++) {
    const [start, stop] = [r * side, r * side + columns];
    let first = start;
    while (first < stop && !(data[first] > 0)) first++;
    if (first === stop) continue;
    let last = stop - 1;
    while (!(data[last] > 0)) last--;
    if (top < 0) top = r;
    bottom = r;
    if (first - start < left) left = first - start;
    if (last - start > right) right = last - start;
  }
  return { left, top, right, bottom };
}
