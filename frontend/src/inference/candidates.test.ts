import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { centrality, chooseCandidate, rankOf, stabilityScore, toCandidates } from "./candidates";

const GEOMETRY = {
  imageSize: 16,
  inputSize: { width: 16, height: 8 },
  originalSize: { width: 32, height: 16 },
};
const NO_PROMPT = { coords: Float32Array.of(0, 0), labels: Int32Array.of(-1) };
const NOTHING_ASKED = { dropsSpecks: false, obeysPrompts: false };

interface Case {
  name: string;
  coords: number[];
  labels: number[];
  centrality: number[];
  ranks: number[];
  chosen: number;
  chosen_if_weighed: number;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/golden/choice/cases.json", import.meta.url), "utf8"),
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
  };
  const logits = Float32Array.from(
    golden.logits.flatMap((rows) =>
      rows
        .join("")
        .split("")
        .map((symbol) => symbols[symbol]),
    ),
  );
  const candidates = toCandidates(logits, predictedIou, NO_PROMPT, geometry, NOTHING_ASKED);

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

  it.each(golden.cases.filter(({ labels }) => labels.join() === "1,-1"))("ranks as sam_core does: $name", (one) => {
    const tokens = { coords: Float32Array.from(one.coords), labels: Int32Array.from(one.labels) };
    candidates.forEach((candidate, i) => {
      expect(rankOf(tokens, candidate, geometry, { weighsClick: true })).toBeCloseTo(one.ranks[i], 4);
      expect(rankOf(tokens, candidate, geometry, { weighsClick: false })).toBe(candidate.predictedIou);
    });
  });

  it("keeps what was shown before a closer look unless another is clearly better", () => {
    const click = { coords: Float32Array.of(3, 3, 0, 0), labels: Int32Array.of(1, -1) };
    const choose = (scores: number[], weighsClick: boolean, kept: 1 | 2 | 3) => {
      const few = toCandidates(new Float32Array(4 * 16).fill(-1), scores, click, GEOMETRY, NOTHING_ASKED);
      return chooseCandidate(click, few, GEOMETRY, { weighsClick }, kept);
    };
    for (const weighsClick of [false, true]) {
      expect(choose([0, 0.5, 0.55, 0.3], weighsClick, 1)).toBe(1);
      expect(choose([0, 0.5, 0.65, 0.3], weighsClick, 1)).toBe(2);
      expect(choose([0, 0.1, 0.65, 0.3], weighsClick, 1)).toBe(2);
      expect(choose([0, 0.5, 0.65, 0.3], weighsClick, 2)).toBe(2);
    }
  });

  it("takes the first of equals, and a mask of nothing has no middle", () => {
    const click = { coords: Float32Array.of(3, 3, 0, 0), labels: Int32Array.of(1, -1) };
    const none = new Float32Array(4 * 16).fill(-1);
    const nothing = toCandidates(none, [0.5, 0.5, 0.5, 0.5], click, GEOMETRY, { ...NOTHING_ASKED, dropsSpecks: true });
    expect(chooseCandidate(click, nothing, GEOMETRY, { weighsClick: true })).toBe(1);
    expect(centrality(nothing[1].logits, GEOMETRY, 3, 3)).toBe(0);
  });
});

it("shares the logits instead of copying them", () => {
  const logits = Float32Array.from({ length: 64 }, (_, i) => i);
  const [, second] = toCandidates(logits, [0, 0, 0, 0], NO_PROMPT, GEOMETRY, NOTHING_ASKED);
  expect(second.logits.data.buffer).toBe(logits.buffer);
  expect(second.logits).toMatchObject({ side: 4 });
  expect(second.logits.data[0]).toBe(16);
  expect(second.shown).toBe(second.logits);
});

it("shows a mask without specks where the model drops them, and keeps the logits for the next prompt", () => {
  const side = 16;
  const geometry = { ...GEOMETRY, inputSize: { width: side, height: side } };
  const logits = new Float32Array(4 * side * side).fill(-1);
  logits.fill(2, 0, 5 * side); // of the first candidate
  const crumb = side * side - 1;
  logits[crumb] = 2;
  const [kept] = toCandidates(logits, [0, 0, 0, 0], NO_PROMPT, geometry, NOTHING_ASKED);
  const [mended] = toCandidates(logits, [0, 0, 0, 0], NO_PROMPT, geometry, { ...NOTHING_ASKED, dropsSpecks: true });
  expect([kept.shown.data[crumb], mended.shown.data[crumb], mended.logits.data[crumb]]).toEqual([2, -2, 2]);
  expect(mended.shown).toBe(mended.shown);
});

it("shows masks that obey their clicks where the model asks for it, and keeps a part that one asks for", () => {
  const side = 64;
  const geometry = { ...GEOMETRY, imageSize: 2 * side, inputSize: { width: 2 * side, height: 2 * side } };
  const logits = new Float32Array(4 * side * side).fill(-1);
  for (let row = 0; row < side; row++) logits.fill(2, row * side, row * side + 40);
  const click = { coords: Float32Array.of(119.5, 63.5), labels: Int32Array.of(1) };
  const at = 32 * side + 60;
  const [deaf] = toCandidates(logits, [0, 0, 0, 0], click, geometry, { ...NOTHING_ASKED, dropsSpecks: true });
  const [mended] = toCandidates(logits, [0, 0, 0, 0], click, geometry, { obeysPrompts: true, dropsSpecks: true });
  expect(deaf.shown.data[at]).toBe(-1);
  expect(mended.shown.data[at]).toBeGreaterThan(0);
  expect(mended.logits.data[at]).toBe(-1);
  expect(mended.shown).toBe(mended.shown);
});

it("measures stability on the photo and not on the padding", () => {
  // 4 x 4 logits of which the upper two rows lie on the photo: 2 above +1, 4 above -1
  const data = Float32Array.of(2, 2, 0, 0, -2, -2, -2, -2, 9, 9, 9, 9, 9, 9, 9, 9);
  expect(stabilityScore({ data, side: 4 }, GEOMETRY)).toBe(0.5);
  expect(stabilityScore({ data: data.map(() => -5), side: 4 }, GEOMETRY)).toBe(0);
});
