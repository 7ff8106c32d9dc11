import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import type { Size } from "../geometry/types";
import { stillChosen } from "./candidates";
import { fromWholeToPart, othersBeside, sizesAndOverlaps, thoughtOver } from "./second-thoughts";

interface Case {
  name: string;
  masks: [number, number, number, number][];
  scores: number[];
  kept: number;
  sizes: number[];
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
    const { sizes, iou } = sizesAndOverlaps(masks.map(plane), geometry);
    expect(sizes).toEqual(expected.sizes);
    expect(iou).toEqual(expected.iou);
    const own = stillChosen(
      scores.map((score, index) => ({ index, score })),
      kept,
    );
    expect(own).toBe(expected.own);
    const others = othersBeside(own, scores, iou);
    expect(others).toEqual(expected.others);
    expect(fromWholeToPart([own, ...others], sizes)).toEqual(expected.places);
  });

  describe("about answers of two views", () => {
    const embeddings = ["a", "b"].map((key) => ({ key, url: key, imageId: 1, cropBox: null, isMirrored: false }));
    const [{ masks, scores }] = golden.cases;
    const weak = -1;
    /** The i-th answer: its candidates are masks 3i to 3i + 2, and their logits begin with 100 times the view plus that. */
    const answer = (i: number, view: number) => {
      const own = [weak, 3 * i, 3 * i + 1, 3 * i + 2];
      const planes = own.map((mask) => plane(mask === weak ? [0, 0, 0, 0] : masks[mask]));
      planes.forEach(({ data }, k) => (data[side * side - 1] = 100 * view + own[k]));
      const logits = Float32Array.from(planes.flatMap(({ data }) => Array.from(data)));
      return { logits, predictedIou: own.map((mask) => mask / 100) };
    };
    const numbers = [0, 1, 2, 3];
    const asked = numbers.map((i) => embeddings.map((embedding, k) => ({ embedding, ...answer(i, k + 1) })));
    const together = numbers.map((i) => answer(i, 0));
    const marks = ({ logits }: { logits: Float32Array }) =>
      numbers.map((k) => Math.round(logits[(k + 1) * side * side - 1]));

    it("show the same candidates of all of them, and the first one's single mask", () => {
      const { own, others, places } = golden.cases[0];
      const thought = thoughtOver(asked, together, scores, geometry, { chosen: 1, isChosenByHand: false });
      expect([own, ...others].sort()).toEqual([...places].sort());
      expect(marks(thought.together)).toEqual([weak, ...places]);
      expect(thought.together.predictedIou).toEqual([weak, ...places].map((mask) => mask / 100));
      expect(thought.seen.map((view) => [view.embedding.key, marks(view)])).toEqual([
        ["a", [99, ...places.map((mask) => 100 + mask)]],
        ["b", [199, ...places.map((mask) => 200 + mask)]],
      ]);
      expect(places[thought.chosen - 1]).toBe(own);
    });

    it("leave what a person chose, whatever its place is then", () => {
      const ranks = scores.map((score, i) => (i === 11 ? 2.5 : score));
      const shownThen = (isChosenByHand: boolean) => {
        const { together: best, chosen } = thoughtOver(asked, together, ranks, geometry, { chosen: 1, isChosenByHand });
        return marks(best)[chosen];
      };
      expect(shownThen(false)).toBe(11);
      expect(shownThen(true)).toBe(0);
    });
  });
});
