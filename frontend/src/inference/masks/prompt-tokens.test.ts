import { describe, expect, it } from "vitest";

import { imagePoint, type Prompt } from "../../geometry/types";
import { toTokens } from "./prompt-tokens";

const LANDSCAPE = { width: 2000, height: 1000 }; // 1024 x 512 in the model: everything times 0.512
const GEOMETRY = { name: "longest_side", imageSize: 1024 } as const;
const point = (x: number, y: number, label: 0 | 1 = 1): Prompt => ({ kind: "point", point: imagePoint(x, y), label });
const box: Prompt = { kind: "box", box: { x0: 100, y0: 200, x1: 300, y1: 400 } };

describe("toTokens", () => {
  it("counts from the middle of the first pixel and pads a prompt without a box", () => {
    const { coords, labels } = toTokens([point(1000.5, 500.5), point(0.5, 0.5, 0)], LANDSCAPE, null, GEOMETRY);
    expect([...coords]).toEqual([512, 256, 0, 0, 0, 0]);
    expect([...labels]).toEqual([1, 0, -1]);
  });

  it("puts the box's corners last and needs no padding then", () => {
    const { coords, labels } = toTokens([box, point(1000.5, 500.5)], LANDSCAPE, null, GEOMETRY);
    expect([...labels]).toEqual([1, 2, 3]);
    [512, 256, 51.2, 102.4, 153.6, 204.8].forEach((value, i) => expect(coords[i]).toBeCloseTo(value, 4));
  });

  it("measures from the crop's corner at the crop's scale", () => {
    const crop = { x0: 1000, y0: 0, x1: 1512, y1: 512 };
    const { coords } = toTokens([point(1256.5, 128.5)], LANDSCAPE, crop, GEOMETRY);
    expect([...coords]).toEqual([512, 256, 0, 0]);
  });

  it("keeps portrait portrait", () => {
    const { coords } = toTokens([point(500.5, 1000.5)], { width: 1000, height: 2000 }, null, GEOMETRY);
    expect([...coords]).toEqual([256, 512, 0, 0]);
  });

  it("gives each axis a scale of its own where the model's geometry is square", () => {
    const square = { name: "square", imageSize: 1024 } as const;
    const { coords } = toTokens([point(1000.5, 250.5), box], LANDSCAPE, null, square);
    [512, 256, 51.2, 204.8, 153.6, 409.6].forEach((value, i) => expect(coords[i]).toBeCloseTo(value, 4));
  });

  it("has no tokens for a mask on its own", () => {
    expect(toTokens([], LANDSCAPE, null, GEOMETRY).labels).toHaveLength(0);
  });

  it.each([
    ["two boxes", [box, box]],
    ["a place that is none", [point(NaN, 1)]],
  ])("refuses %s", (_, prompts) => {
    expect(() => toTokens(prompts, LANDSCAPE, null, GEOMETRY)).toThrow(expect.objectContaining({ code: "bad_prompt" }));
  });
});
