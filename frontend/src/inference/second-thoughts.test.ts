import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import type { Size } from "../geometry/types";
import { othersBeside, overlaps, ownChoice, pickFrom, pickFromViews, placesOf } from "./second-thoughts";

interface Case {
  name: string;
  masks: [number, number, number, number][];
  scores: number[];
  kept: number;
  iou: number[][];
  own: number;
  others: number[];
  places: number[];
}
const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/golden/second_thoughts/cases.json", import.meta.url), "utf8"),
) as { image_size: number; input_size: Size; photo: Size; side: number; cases: Case[] };
const { side } = golden;
const geometry = { imageSize: golden.image_size, inputSize: golden.input_size, originalSize: golden.photo };

/** Logits above zero from (x0, y0) up to (x1, y1). */
function plane([x0, y0, x1, y1]: Case["masks"][number]) {
  const data = Float32Array.from({ length: side * side }, (_, i) => {
    const [x, y] = [i % side, Math.floor(i / side)];
    return x >= x0 && x < x1 && y >= y0 && y < y1 ? 3 : -2;
  });
  return { data, side };
}

describe("second thoughts", () => {
  it.each(golden.cases)("come to what sam_core comes to: $name", ({ masks, scores, kept, ...expected }) => {
    const iou = overlaps(masks.map(plane), geometry);
    expect(iou).toEqual(expected.iou);
    const own = ownChoice(scores, kept);
    expect(own).toBe(expected.own);
    const others = othersBeside(own, scores, iou);
    expect(others).toEqual(expected.others);
    expect(placesOf(own, others, kept)).toEqual(expected.places);
  });

  it("leave what a person chose where it is", () => {
    expect(placesOf(1, [0, 7], 1)).toEqual([0, 1, 7]);
    expect(placesOf(1, [4, 7], 1)).toEqual([4, 1, 7]);
  });

  it("pick from answers, and alike from what each view gave, with the first one's single mask", () => {
    const answer = (start: number) => ({
      logits: Float32Array.from({ length: 4 }, (_, i) => start + i),
      predictedIou: Array.from({ length: 4 }, (_, i) => (start + i) / 100),
    });
    const answers = [0, 10, 20, 30].map(answer);
    expect(pickFrom(answers, [2, 3, 11])).toEqual({
      logits: Float32Array.of(0, 3, 11, 33),
      predictedIou: [0, 0.03, 0.11, 0.33],
    });
    const embeddings = ["a", "b"].map((key) => ({ key, url: key, imageId: 1, cropBox: null, isMirrored: false }));
    const views = answers.map((_, i) => embeddings.map((embedding, k) => ({ embedding, ...answer(10 * i + 100 * k) })));
    expect(pickFromViews(views, [2, 3, 11]).map(({ embedding, logits }) => [embedding.key, ...logits])).toEqual([
      ["a", 0, 3, 11, 33],
      ["b", 100, 103, 111, 133],
    ]);
  });
});
