/**
 * Second thoughts: which three masks stand best for all that a lone click may mean. Mirrors masks/second_thoughts.py of
 * sam_core, which states the rule; fixtures/golden/second_thoughts holds both together. ADR 0025.
 */
import type { LowResLogits } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import { stillChosen } from "./candidates";
import { cellsOnPhoto } from "./cells";
import { answerOf, planesOf, type RawAnswer } from "./seen-views";
import type { SeenView, Shown } from "./types";

/** Of one answer, beside the single mask. */
export const CANDIDATES = [1, 2, 3] as const;

/** How often candidates are thought over. */
export const TIMES = 2;

/** How many cells masks have (above zero, on the photo), and the IoU of each with each; of two empty ones 1. */
export function sizesAndOverlaps(
  planes: readonly LowResLogits[],
  geometry: MaskGeometry,
): { sizes: number[]; iou: number[][] } {
  const masks = planes.map((plane) => bitsOf(plane, geometry));
  const both = masks.map((one) =>
    masks.map((other) => one.reduce((sum, bits, i) => sum + countBits(bits & other[i]), 0)),
  );
  const sizes = both.map((row, i) => row[i]);
  const iou = both.map((row, i) =>
    row.map((shared, k) => {
      const union = sizes[i] + sizes[k] - shared;
      return union === 0 ? 1 : shared / union;
    }),
  );
  return { sizes, iou };
}

/** The two masks, in ascending order, that together with the own choice stand best for all. */
export function othersBeside(
  own: number,
  scores: readonly number[],
  iou: readonly (readonly number[])[],
): [number, number] {
  const weights = scores.map((score) => score * score);
  let most = -1;
  let others: [number, number] = [0, 0];
  for (let one = 0; one < iou.length; one++) {
    for (let other = one + 1; other < iou.length; other++) {
      if (one === own || other === own) continue;
      const standsFor = weights.reduce(
        (sum, weight, i) => sum + weight * Math.max(iou[own][i], iou[one][i], iou[other][i]),
        0,
      );
      if (standsFor > most) [most, others] = [standsFor, [one, other]];
    }
  }
  return others;
}

/** Masks in the order of candidates 1..3, which people know as whole, part and subpart: the largest first. */
export function fromWholeToPart(masks: readonly number[], sizes: readonly number[]): number[] {
  return [...masks].sort((a, b) => sizes[b] - sizes[a] || a - b);
}

export interface Thought {
  /** What all views give together, and what each gave, with the candidates that stand best for all. */
  readonly together: RawAnswer;
  readonly seen: SeenView[];
  readonly chosen: number;
}

/**
 * What is to be shown of several answers to one click. `asked`: the views of each answer, the same in all; so far
 * candidate `chosen` of the first one is shown. `together`: what they gave together. `ranks`: what all their candidates are ranked by.
 */
export function thoughtOver(
  asked: readonly (readonly SeenView[])[],
  together: readonly RawAnswer[],
  ranks: readonly number[],
  geometry: MaskGeometry,
  { chosen, isChosenByHand }: Shown,
): Thought {
  const kept = chosen - CANDIDATES[0];
  const ranked = ranks.map((score, index) => ({ index, score }));
  const own = isChosenByHand ? kept : stillChosen(ranked, kept);
  const { sizes, iou } = sizesAndOverlaps(together.flatMap(candidatesOf), geometry);
  const places = fromWholeToPart([own, ...othersBeside(own, ranks, iou)], sizes);
  const seen = asked[0].map(({ embedding }, i) => {
    const answers = asked.map((views) => views[i]);
    return { embedding, ...pickFrom(answers, places) };
  });
  return { together: pickFrom(together, places), seen, chosen: places.indexOf(own) + CANDIDATES[0] };
}

/** An answer with the single mask of the first one and, of all candidates of all answers, those at these places. */
function pickFrom(answers: readonly RawAnswer[], places: readonly number[]): RawAnswer {
  const planes = answers.flatMap(candidatesOf);
  const scores = answers.flatMap(({ predictedIou }) => Array.from(predictedIou).slice(CANDIDATES[0]));
  const [single] = planesOf(answers[0]);
  const predictedIou = [answers[0].predictedIou[0], ...places.map((mask) => scores[mask])];
  return answerOf([single, ...places.map((mask) => planes[mask])], predictedIou);
}

function candidatesOf(answer: RawAnswer): LowResLogits[] {
  return planesOf(answer).slice(CANDIDATES[0]);
}

/** A mask as bits, row by row. */
function bitsOf({ data, side }: LowResLogits, geometry: MaskGeometry): Int32Array {
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const bits = new Int32Array(Math.ceil((rows * columns) / 32));
  for (let y = 0, at = 0; y < rows; y++) {
    for (let i = y * side; i < y * side + columns; i++, at++) {
      if (data[i] > 0) bits[at >> 5] |= 1 << (at & 31);
    }
  }
  return bits;
}

/** How many bits of 32 are set (Warren, Hacker's Delight, 5-1). */
function countBits(bits: number): number {
  let sum = bits - ((bits >>> 1) & 0x55555555);
  sum = (sum & 0x33333333) + ((sum >>> 2) & 0x33333333);
  return Math.imul((sum + (sum >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
