/** Masks for tests, drawn as text or made up by fast-check. */
import fc from "fast-check";

import { maskFromBitmap, maskToBitmap, type ColumnMask } from "./column-mask";
import type { Size } from "./types";

export function photo(width: number, height: number): Size {
  return { width, height };
}

/** A mask from rows of text, `#` where it is set. */
export function bitmapMask(rows: readonly string[]): ColumnMask {
  const size = photo(rows[0].length, rows.length);
  const bits = Uint8Array.from(rows.join(""), (char) => (char === "#" ? 1 : 0));
  return maskFromBitmap(bits, { x0: 0, y0: 0, x1: size.width, y1: size.height }, size);
}

/** The whole photo of a mask as rows of text. */
export function drawing(mask: ColumnMask): string[] {
  const { width, height } = mask.size;
  const bits = maskToBitmap(mask, { x0: 0, y0: 0, x1: width, y1: height });
  return Array.from({ length: height }, (_, y) =>
    [...bits.subarray(y * width, (y + 1) * width)].map((bit) => (bit ? "#" : ".")).join(""),
  );
}

/** Bitmaps of all small sizes, H != W most of the time, empty and full ones too. */
export function arbitraryBitmap(): fc.Arbitrary<{ bits: Uint8Array; size: Size }> {
  return fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 7 }))
    .chain(([width, height]) =>
      fc
        .uint8Array({ min: 0, max: 1, minLength: width * height, maxLength: width * height })
        .map((bits) => ({ bits, size: { width, height } })),
    );
}
