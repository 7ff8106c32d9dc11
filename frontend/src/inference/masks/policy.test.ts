import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { parsePolicy } from "../protocol/mask-policy";
import { keepClicks } from "./clicks";
import { applyPolicy, flipsFor } from "./policy";

interface Case {
  name: string;
  plane: string;
  coords: number[];
  labels: number[];
  changed: Record<string, number>;
}
const golden = JSON.parse(
  readFileSync(new URL("../../../../fixtures/golden/clicks/cases.json", import.meta.url), "utf8"),
) as {
  image_size: number;
  input_size: { width: number; height: number };
  side: number;
  planes: Record<string, number[]>;
  cases: Case[];
};
const geometry = {
  imageSize: golden.image_size,
  inputSize: golden.input_size,
  originalSize: { width: 2 * golden.input_size.width, height: 2 * golden.input_size.height },
  viaInput: true,
};
const NONE = {
  weighs_click: false,
  keeps_clicks: false,
  blends_far: false,
  uses_flip: false,
  uses_crops: false,
  budget_ms: 50,
};

describe("keepClicks", () => {
  it.each(golden.cases)("does what sam_core does: $name", (one) => {
    const raw = { data: Float32Array.from(golden.planes[one.plane]), side: golden.side };
    const tokens = { coords: Float32Array.from(one.coords), labels: Int32Array.from(one.labels) };
    const wanted = raw.data.slice();
    for (const [cell, value] of Object.entries(one.changed)) wanted[Number(cell)] = value;
    expect(keepClicks(raw, tokens, geometry).data).toEqual(wanted);
    expect(raw.data).toEqual(Float32Array.from(golden.planes[one.plane]));
  });
});

describe("a policy", () => {
  it("is read from the manifest, whole or not at all", () => {
    expect(parsePolicy({ ...NONE, uses_flip: true })).toEqual({
      weighsClick: false,
      keepsClicks: false,
      blendsFar: false,
      usesFlip: true,
      usesCrops: false,
      budgetMs: 50,
    });
    const spoilt = [
      undefined,
      {},
      { ...NONE, uses_flip: "yes" },
      { ...NONE, budget_ms: 0 },
      { ...NONE, snaps_to_edges: true },
    ];
    for (const raw of spoilt) expect(parsePolicy(raw as Partial<typeof NONE>)).toBeNull();
  });

  it("asks flipped views boxes and several points", () => {
    const flips = parsePolicy({ ...NONE, uses_flip: true })!;
    const asked = [
      [1, -1],
      [0, -1],
      [1, 1, -1],
      [2, 3],
    ].map((labels) => flipsFor(flips, Int32Array.from(labels)));
    expect(asked).toEqual([false, false, true, true]);
    expect(flipsFor(parsePolicy(NONE)!, Int32Array.of(2, 3))).toBe(false);
  });

  it("shows logits as decoded, or with clicks kept; the logits themselves stay", () => {
    const logits = new Float32Array(4 * golden.side ** 2).fill(-2);
    const answer = { view: { geometry, x: 0, y: 0 }, logits, predictedIou: [0, 0.2, 0.8, 0.5] };
    const click = { coords: Float32Array.of(20, 20, 0, 0), labels: Int32Array.of(1, -1) };
    const published = applyPolicy(parsePolicy(NONE)!, [answer], click);
    const keeping = applyPolicy(parsePolicy({ ...NONE, keeps_clicks: true })!, [answer], click);
    expect([published.chosen, keeping.chosen]).toEqual([2, 2]);
    const at = 10 * golden.side + 10;
    expect(published.candidates[2].maskLogits).toBe(published.candidates[2].logits);
    expect([keeping.candidates[2].maskLogits.data[at], keeping.candidates[2].logits.data[at]]).toEqual([0.5, -2]);
    expect(keeping.candidates[2].maskLogits).toBe(keeping.candidates[2].maskLogits);
  });
});
