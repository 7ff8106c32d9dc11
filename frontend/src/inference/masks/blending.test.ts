import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { blendFar } from "./blending";

interface Case {
  name: string;
  previous: string;
  click: [number, number];
  label: number;
  new: number[];
  blended: number[];
}
const golden = JSON.parse(
  readFileSync(new URL("../../../../fixtures/golden/blending/cases.json", import.meta.url), "utf8"),
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
const plane = (data: number[]) => ({ data: Float32Array.from(data), side: golden.side });

describe("blendFar", () => {
  it.each(golden.cases)("does what sam_core does: $name", (one) => {
    const raw = plane(one.new);
    const [x, y] = one.click;
    const blended = blendFar(raw, plane(golden.planes[one.previous]), { x, y, label: one.label }, geometry);
    expect(blended.data).toEqual(Float32Array.from(one.blended));
    expect(raw).toEqual(plane(one.new));
  });
});
