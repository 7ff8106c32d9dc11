import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { centrality, chooseCandidate, stabilityScore, toCandidates } from "./candidates";

const GEOMETRY = {
  imageSize: 16,
  inputSize: { width: 16, height: 8 },
  originalSize: { width: 32, height: 16 },
  viaInput: true,
};

interface Case {
  name: string;
  coords: number[];
  labels: number[];
  centrality: number[];
  chosen: number;
  chosen_if_weighed: number;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../../fixtures/golden/choice/cases.json", import.meta.url), "utf8"),
) as {
  image_size: number;
  input_size: { width: number; height: number };
  side: number;
  predicted_iou: number[];
  logits: string[][];
  symbols: Record<string, number>;
  stability: number[];
  cases: Case[];
};

describe("chooseCandidate and centrality", () => {
  const { side, predicted_iou: predictedIou, symbols } = golden;
  const geometry = {
    imageSize: golden.image_size,
    inputSize: golden.input_size,
    originalSize: { width: 2 * golden.input_size.width, height: 2 * golden.input_size.height },
    viaInput: true,
  };
  const logits = Float32Array.from(
    golden.logits.flatMap((rows) =>
      rows
        .join("")
        .split("")
        .map((symbol) => symbols[symbol]),
    ),
  );
  const candidates = toCandidates(logits, predictedIou, geometry);

  it("finds the masks as stable as sam_core does", () => {
    expect(side ** 2 * 4).toBe(logits.length);
    candidates.forEach(({ stabilityScore }, i) => expect(stabilityScore).toBeCloseTo(golden.stability[i], 4));
  });

  it.each(golden.cases)("says what sam_core says: $name", (one) => {
    const tokens = { coords: Float32Array.from(one.coords), labels: Int32Array.from(one.labels) };
    const [x, y] = one.coords;
    const central = candidates.map((candidate) => centrality(candidate.logits, geometry, x, y));
    central.forEach((value, i) => expect(value).toBeCloseTo(one.centrality[i], 4));
    expect(chooseCandidate(tokens, candidates, geometry, { weighsClick: false })).toBe(one.chosen);
    expect(chooseCandidate(tokens, candidates, geometry, { weighsClick: true })).toBe(one.chosen_if_weighed);
  });

  it("takes the first of equals, and a mask of nothing has no middle", () => {
    const click = { coords: Float32Array.of(3, 3, 0, 0), labels: Int32Array.of(1, -1) };
    const none = new Float32Array(4 * 16).fill(-1);
    const nothing = toCandidates(none, [0.5, 0.5, 0.5, 0.5], GEOMETRY);
    expect(chooseCandidate(click, nothing, GEOMETRY, { weighsClick: true })).toBe(1);
    expect(centrality(nothing[1].logits, GEOMETRY, 3, 3)).toBe(0);
  });
});

it("shares the logits instead of copying them", () => {
  const logits = Float32Array.from({ length: 64 }, (_, i) => i);
  const [, second] = toCandidates(logits, [0, 0, 0, 0], GEOMETRY);
  expect(second.logits.data.buffer).toBe(logits.buffer);
  expect(second.logits).toMatchObject({ side: 4 });
  expect(second.logits.data[0]).toBe(16);
  expect(second.maskLogits).toBe(second.logits);
});

it("measures stability on the photo and not on the padding", () => {
  // 4 x 4 logits of which the upper two rows lie on the photo: 2 above +1, 4 above -1
  const data = Float32Array.of(2, 2, 0, 0, -2, -2, -2, -2, 9, 9, 9, 9, 9, 9, 9, 9);
  expect(stabilityScore({ data, side: 4 }, GEOMETRY)).toBe(0.5);
  expect(stabilityScore({ data: data.map(() => -5), side: 4 }, GEOMETRY)).toBe(0);
});
