import { readFileSync } from "node:fs";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { maskArea, maskContains, maskToCounts, sampleMask } from "./column-mask";
import { halfToNumber, parseNpy } from "./npy";
import { geometryFor, type GeometryName, type PhotoGeometry } from "./photo-geometry";
import { encodeCounts } from "./rle";
import type { LowResLogits, Size } from "./types";
import { maskAtOriginalSize, sampledMask } from "./upsample";

interface GoldenCase {
  name: string;
  logits: string;
  geometry: GeometryName;
  image_size: number;
  input_size: [number, number];
  original_size: [number, number];
  counts: string;
  area: number;
}

const folder = new URL("../../../fixtures/golden/upsample/", import.meta.url);
const golden = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8")) as { cases: GoldenCase[] };

function readLogits(name: string): LowResLogits {
  const file = parseNpy(new Uint8Array(readFileSync(new URL(name, folder))).buffer);
  const data = file.dtype === "float32" ? file.values : Float32Array.from(file.bits, halfToNumber);
  return { data, side: file.shape[0] };
}

function size([height, width]: [number, number]): Size {
  return { width, height };
}

function geometryOf(example: GoldenCase) {
  return geometryFor(size(example.original_size), { name: example.geometry, imageSize: example.image_size });
}

describe.each(golden.cases)("$name", (example) => {
  it.each([2, 4, 16])("can be had sampled by %i without computing the rest", (step) => {
    const geometry = geometryOf(example);
    const logits = readLogits(example.logits);
    const sampled = sampledMask(logits, geometry, step);
    expect(sampled).toEqual({ mask: sampleMask(maskAtOriginalSize(logits, geometry), step), step });
  });

  it("has the same bits as sam_core's mask", () => {
    const geometry = geometryOf(example);
    const mask = maskAtOriginalSize(readLogits(example.logits), geometry);
    expect(maskArea(mask)).toBe(example.area);
    expect(encodeCounts(maskToCounts(mask))).toBe(example.counts);
  });

  it("comes from the input size that sam_core gives", () => {
    expect(geometryOf(example).inputSize).toEqual(size(example.input_size));
  });
});

/** The two resizes written out plainly, one pixel at a time. */
function plainValue(logits: LowResLogits, geometry: PhotoGeometry, x: number, y: number) {
  const { imageSize, inputSize: input, originalSize: original, viaInput } = geometry;
  const tap = (inputs: number, outputs: number, d: number) => {
    if (inputs === outputs) return { i0: d, i1: d, w0: 1, w1: 0 };
    const source = Math.max(Math.fround(Math.fround(inputs / outputs) * (d + 0.5) - 0.5), 0);
    const i0 = Math.min(Math.floor(source), inputs - 1);
    const w1 = Math.min(Math.max(Math.fround(source - i0), 0), 1);
    return { i0, i1: Math.min(i0 + 1, inputs - 1), w0: Math.fround(1 - w1), w1 };
  };
  type Tap = ReturnType<typeof tap>;
  const blend = (p0: number, p1: number, t: Tap) => Math.fround(p0 * t.w0 + Math.fround(p1 * t.w1));
  const sample = (at: (x: number, y: number) => number, tx: Tap, ty: Tap) =>
    blend(blend(at(tx.i0, ty.i0), at(tx.i1, ty.i0), tx), blend(at(tx.i0, ty.i1), at(tx.i1, ty.i1), tx), ty);
  const low = (lx: number, ly: number) => logits.data[ly * logits.side + lx];
  const middle = (mx: number, my: number) =>
    sample(low, tap(logits.side, imageSize, mx), tap(logits.side, imageSize, my));
  if (!viaInput) return sample(low, tap(logits.side, original.width, x), tap(logits.side, original.height, y));
  return sample(middle, tap(input.width, original.width, x), tap(input.height, original.height, y));
}

it("agrees with the plain definition on every pixel", () => {
  const anyLogits = fc.array(fc.float({ noNaN: true, min: -4, max: 4 }), { minLength: 64, maxLength: 64 });
  const anySize = fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 40 }) });
  const anyName = fc.constantFrom<GeometryName>("longest_side", "square");
  fc.assert(
    fc.property(anyLogits, anySize, anyName, (values, originalSize, name) => {
      const geometry = geometryFor(originalSize, { name, imageSize: 32 });
      fc.pre(Math.min(geometry.inputSize.width, geometry.inputSize.height) > 0);
      const logits = { data: Float32Array.from(values), side: 8 };
      const mask = maskAtOriginalSize(logits, geometry);
      for (let y = 0; y < originalSize.height; y++) {
        for (let x = 0; x < originalSize.width; x++) {
          const isSet = plainValue(logits, geometry, x, y) > 0;
          expect(maskContains(mask, x, y)).toBe(isSet);
        }
      }
    }),
    { numRuns: 40 },
  );
});
