import { expect, it } from "vitest";

import { imagePoint, type Prompt } from "../geometry/types";
import { chooseCandidate, stabilityScore, toCandidates } from "./candidates";

const GEOMETRY = {
  imageSize: 16,
  inputSize: { width: 16, height: 8 },
  originalSize: { width: 32, height: 16 },
};
const POINT: Prompt = { kind: "point", point: imagePoint(1, 1), label: 1 };
const BOX: Prompt = { kind: "box", box: { x0: 0, y0: 0, x1: 4, y1: 4 } };

const candidates = toCandidates(new Float32Array(4 * 16), [0.99, 0.5, 0.8, 0.7], GEOMETRY);

it("takes the best of the three for one click, and candidate 0 for a box or more prompts", () => {
  expect(chooseCandidate([POINT], candidates)).toBe(2);
  expect(chooseCandidate([BOX], candidates)).toBe(0);
  expect(chooseCandidate([POINT, POINT], candidates)).toBe(0);
  expect(chooseCandidate([POINT, BOX], candidates)).toBe(0);
});

it("shares the logits instead of copying them", () => {
  const logits = Float32Array.from({ length: 64 }, (_, i) => i);
  const [, second] = toCandidates(logits, [0, 0, 0, 0], GEOMETRY);
  expect(second.logits.data.buffer).toBe(logits.buffer);
  expect(second.logits).toMatchObject({ side: 4 });
  expect(second.logits.data[0]).toBe(16);
});

it("measures stability on the photo and not on the padding", () => {
  // 4 x 4 logits of which the upper two rows lie on the photo: 2 above +1, 4 above -1
  const data = Float32Array.of(2, 2, 0, 0, -2, -2, -2, -2, 9, 9, 9, 9, 9, 9, 9, 9);
  expect(stabilityScore({ data, side: 4 }, GEOMETRY)).toBe(0.5);
  expect(stabilityScore({ data: data.map(() => -5), side: 4 }, GEOMETRY)).toBe(0);
});
