import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { countsArea, decodeCounts, encodeCounts, RleError } from "./rle";

interface GoldenMask {
  name: string;
  size: [height: number, width: number];
  counts: string;
  runs: number[];
  area: number;
}

const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/golden/rle/cases.json", import.meta.url), "utf8"),
) as { masks: GoldenMask[] };

describe.each(golden.masks)("the golden mask $name", ({ size: [height, width], counts, runs, area }) => {
  it("is written as pycocotools writes it", () => {
    expect(encodeCounts(runs)).toBe(counts);
  });

  it("is read back with its area", () => {
    const read = decodeCounts(counts, { width, height });
    expect(read).toEqual(runs);
    expect(countsArea(read)).toBe(area);
  });
});

it("keeps any run lengths", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50_000_000), { minLength: 1, maxLength: 30 }), (runs) => {
      const total = runs.reduce((sum, run) => sum + run, 0);
      expect(decodeCounts(encodeCounts(runs), { width: total, height: 1 })).toEqual(runs);
    }),
  );
});

it.each([
  ["a foreign character", "\u0001"],
  ["an unfinished number", "P"],
  ["too few pixels", "3"],
  ["a negative run", "O"],
  ["an endless number", "P".repeat(9)],
])("refuses %s", (_, text) => {
  expect(() => decodeCounts(text, { width: 3, height: 3 })).toThrow(RleError);
});
