import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { withoutSpecks } from "./specks";

interface Case {
  name: string;
  plane: string;
  coords: number[];
  labels: number[];
  rows: string[];
}
const golden = JSON.parse(
  readFileSync(new URL("../../../fixtures/golden/specks/cases.json", import.meta.url), "utf8"),
) as {
  image_size: number;
  input_size: { width: number; height: number };
  side: number;
  symbols: Record<string, number>;
  planes: Record<string, string[]>;
  cases: Case[];
};
const { side, symbols } = golden;
const geometry = {
  imageSize: golden.image_size,
  inputSize: golden.input_size,
  originalSize: { width: 2 * golden.input_size.width, height: 2 * golden.input_size.height },
};
const ofValue = new Map(Object.entries(symbols).map(([symbol, value]) => [value, symbol]));

function planeOf(rows: readonly string[]) {
  const data = Float32Array.from(Array.from(rows.join(""), (symbol) => symbols[symbol]));
  return { data, side };
}

function drawn({ data }: { data: Float32Array }): string[] {
  const text = Array.from(data, (value) => ofValue.get(value + 0) ?? "?").join("");
  return Array.from({ length: side }, (_, row) => text.slice(row * side, (row + 1) * side));
}

function tokensOf({ coords, labels }: Pick<Case, "coords" | "labels">) {
  return { coords: Float32Array.from(coords), labels: Int32Array.from(labels) };
}

describe("withoutSpecks", () => {
  it.each(golden.cases)("does what sam_core does: $name", (one) => {
    const raw = planeOf(golden.planes[one.plane]);
    expect(drawn(withoutSpecks(raw, tokensOf(one), geometry))).toEqual(one.rows);
    expect(drawn(raw)).toEqual(golden.planes[one.plane]);
  });

  it("does not copy what needs no mending", () => {
    for (const plane of ["nothing", "everything"]) {
      const raw = planeOf(golden.planes[plane]);
      expect(withoutSpecks(raw, tokensOf({ coords: [3, 3], labels: [1] }), geometry)).toBe(raw);
    }
  });
});
