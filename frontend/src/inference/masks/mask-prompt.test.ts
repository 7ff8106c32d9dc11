import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { maskPromptFor, sketch } from "./mask-prompt";

interface Case {
  name: string;
  coords: number[];
  labels: number[];
  previous: number | null;
  rows: string[] | null;
}

const golden = JSON.parse(
  readFileSync(new URL("../../../../fixtures/golden/sketch/cases.json", import.meta.url), "utf8"),
) as { image_size: number; mask_side: number; symbols: Record<string, number>; cases: Case[] };
const geometry = { name: "longest_side", imageSize: golden.image_size } as const;
const grid = { geometry, maskSide: golden.mask_side };
const tokensOf = ({ coords, labels }: Case) => ({
  coords: Float32Array.from(coords),
  labels: Int32Array.from(labels),
});

describe("sketch", () => {
  it.each(golden.cases)("draws what sam_core draws: $name", (one) => {
    const previous = one.previous === null ? null : new Float32Array(grid.maskSide ** 2).fill(one.previous);
    const wanted =
      one.rows &&
      one.rows
        .join("")
        .split("")
        .map((symbol) => golden.symbols[symbol]);
    const drawn = sketch(grid, tokensOf(one), previous);
    expect(drawn && [...drawn]).toEqual(wanted);
  });
});

describe("maskPromptFor", () => {
  const click = { coords: Float32Array.of(8, 8, 0, 0), labels: Int32Array.of(1, -1) };

  it("leaves a lone click to the graph without a mask prompt", () => {
    expect(maskPromptFor({ ...grid, sketches: true }, click, null)).toBeNull();
  });

  it("draws into a copy, and only for a model that sketches", () => {
    const data = new Float32Array(grid.maskSide ** 2).fill(-1);
    const logits = { data, side: grid.maskSide };
    const drawn = maskPromptFor({ ...grid, sketches: true }, click, logits)!;
    expect(Math.max(...drawn)).toBe(8);
    expect(Math.max(...maskPromptFor({ ...grid, sketches: false }, click, logits)!)).toBe(-1);
    expect(Math.max(...data)).toBe(-1);
  });

  it("brings a finer mask onto the model's grid", () => {
    const side = 2 * grid.maskSide;
    const data = Float32Array.from({ length: side * side }, (_, i) => (i % side < side / 2 ? 4 : -4));
    const fitted = maskPromptFor({ ...grid, sketches: false }, click, { data, side })!;
    const half = grid.maskSide / 2;
    expect([...fitted.subarray(half - 2, half + 2)]).toEqual([4, 4, -4, -4]);
  });
});
