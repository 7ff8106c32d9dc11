import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  combineMasks,
  emptyMask,
  maskArea,
  maskBounds,
  maskContains,
  maskFromBitmap,
  maskFromCounts,
  masksEqual,
  maskToBitmap,
  maskToCounts,
  sampleMask,
  type BooleanOperation,
} from "./column-mask";
import { arbitraryBitmap, bitmapMask, photo } from "./mask-fixtures";

describe("a mask made of a drawing", () => {
  // Hand-worked: 5 wide, 4 high; column 1 holds rows 0..1 and 3, column 3 rows 1..3.
  const mask = bitmapMask([".#...", ".#.#.", "...#.", ".#.#."]);

  it("stores vertical runs from its first to its last column", () => {
    expect(mask.x0).toBe(1);
    expect([...mask.offsets]).toEqual([0, 4, 4, 6]);
    expect([...mask.runs]).toEqual([0, 2, 3, 4, 1, 4]);
  });

  it("has the area, box and pixels of the drawing", () => {
    expect(maskArea(mask)).toBe(6);
    expect(maskBounds(mask)).toEqual({ x0: 1, y0: 0, x1: 4, y1: 4 });
    expect(maskContains(mask, 1.9, 1.9)).toBe(true);
    expect(maskContains(mask, 1.5, 2.5)).toBe(false);
    expect(maskContains(mask, 9, 0)).toBe(false);
  });

  it("gives COCO's column-major run lengths", () => {
    expect(maskToCounts(mask)).toEqual([4, 2, 1, 1, 5, 3, 4]);
  });

  it("samples the middle of each block when made smaller", () => {
    expect(maskToCounts(sampleMask(mask, 2))).toEqual([0, 4, 2]);
  });
});

it("joins runs that meet across the end of a column into one COCO run", () => {
  expect(maskToCounts(bitmapMask([".#", "#."]))).toEqual([1, 2, 1]);
  expect(maskToCounts(bitmapMask(["##", "##"]))).toEqual([0, 4]);
  expect(maskToCounts(emptyMask(photo(2, 2)))).toEqual([4]);
});

it("keeps every mask through run lengths and through bitmaps", () => {
  fc.assert(
    fc.property(arbitraryBitmap(), ({ bits, size }) => {
      const box = { x0: 0, y0: 0, x1: size.width, y1: size.height };
      const mask = maskFromBitmap(bits, box, size);
      const counts = maskToCounts(mask);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(bits.length);
      expect(masksEqual(maskFromCounts(counts, size), mask)).toBe(true);
      expect(maskToBitmap(mask, box)).toEqual(bits);
    }),
  );
});

it("combines masks pixel by pixel", () => {
  const expected: Record<BooleanOperation, (a: number, b: number) => number> = {
    union: (a, b) => a | b,
    subtract: (a, b) => a & (1 - b),
    intersect: (a, b) => a & b,
  };
  const box = { x0: 0, y0: 0, x1: 7, y1: 5 };
  const bitmap = fc.uint8Array({ min: 0, max: 1, minLength: 35, maxLength: 35 });
  fc.assert(
    fc.property(bitmap, bitmap, fc.constantFrom<BooleanOperation>("union", "subtract", "intersect"), (a, b, op) => {
      const [maskA, maskB] = [a, b].map((bits) => maskFromBitmap(bits, box, photo(7, 5)));
      const combined = combineMasks(maskA, maskB, op);
      expect([...maskToBitmap(combined, box)]).toEqual([...a].map((bit, i) => expected[op](bit, b[i])));
    }),
  );
});
