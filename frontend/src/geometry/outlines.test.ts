import fc from "fast-check";
import { expect, it } from "vitest";

import { maskArea, maskFromBitmap } from "./column-mask";
import { arbitraryBitmap, bitmapMask } from "./mask-fixtures";
import { softenOutline, traceOutlines, type Outline } from "./outlines";

/** Twice the signed area; positive when clockwise on a screen, whose y grows downwards. */
function signedArea(outline: Outline): number {
  let sum = 0;
  for (let i = 0; i < outline.length; i += 2) {
    const j = (i + 2) % outline.length;
    sum += outline[i] * outline[j + 1] - outline[j] * outline[i + 1];
  }
  return sum / 2;
}

it("traces a rectangle by its four corners, clockwise", () => {
  const outlines = traceOutlines(bitmapMask(["....", ".##.", ".##."]));
  expect(outlines).toHaveLength(1);
  const corners = new Set(Array.from({ length: 4 }, (_, i) => `${outlines[0][i * 2]},${outlines[0][i * 2 + 1]}`));
  expect(corners).toEqual(new Set(["1,1", "3,1", "3,3", "1,3"]));
  expect(signedArea(outlines[0])).toBe(4);
});

it("traces a hole against the clock", () => {
  const areas = traceOutlines(bitmapMask(["###", "#.#", "###"])).map(signedArea);
  expect(areas.sort((a, b) => a - b)).toEqual([-1, 9]);
});

it("encloses exactly the pixels of any mask", () => {
  fc.assert(
    fc.property(arbitraryBitmap(), ({ bits, size }) => {
      const mask = maskFromBitmap(bits, { x0: 0, y0: 0, x1: size.width, y1: size.height }, size);
      const total = traceOutlines(mask).reduce((sum, outline) => sum + signedArea(outline), 0);
      expect(total).toBe(maskArea(mask));
    }),
  );
});

it("softens corners and keeps straight edges in place", () => {
  const [square] = traceOutlines(bitmapMask(["....", ".##.", ".##.", "...."]));
  const soft = softenOutline(square);
  expect(soft).toHaveLength(16);
  expect(signedArea(soft)).toBe(3.5);
});
