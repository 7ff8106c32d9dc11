import fc from "fast-check";
import { expect, it } from "vitest";

import { masksEqual } from "./column-mask";
import { bitmapMask, drawing } from "./mask-fixtures";
import { mergeEdits } from "./three-way";

const BASE = bitmapMask(["........", ".####...", ".####...", "........"]);

it("keeps what each side added and took away in a region of its own", () => {
  const mine = bitmapMask(["........", "##.##...", "##.##...", "........"]);
  const theirs = bitmapMask(["........", ".######.", ".####...", "........"]);
  const merged = mergeEdits(BASE, mine, theirs);
  expect(merged && drawing(merged)).toEqual(["........", "##.####.", "##.##...", "........"]);
});

it("leaves it to a person where both worked on one region", () => {
  const mine = bitmapMask(["........", ".#####..", ".####...", "........"]);
  const theirs = bitmapMask(["........", ".####...", ".#####..", "........"]);
  expect(mergeEdits(BASE, mine, mine)).toBeNull();
  const both = bitmapMask(["........", ".#####..", ".#####..", "........"]);
  expect(mergeEdits(BASE, both, theirs)).toBeNull();
});

it("makes no empty mask", () => {
  const left = bitmapMask(["........", ".##.....", ".##.....", "........"]);
  const right = bitmapMask(["........", "...##...", "...##...", "........"]);
  expect(mergeEdits(BASE, left, right)).toBeNull();
});

it("gives the same whoever of two was faster, and each side's own where the other did nothing", () => {
  const row = fc.uint8Array({ min: 0, max: 1, minLength: 9, maxLength: 9 });
  const maskOf = (bits: Uint8Array) => bitmapMask([[...bits].map((bit) => (bit ? "#" : ".")).join("")]);
  fc.assert(
    fc.property(row, row, row, (base, mine, theirs) => {
      const [b, m, t] = [maskOf(base), maskOf(mine), maskOf(theirs)];
      const [one, other] = [mergeEdits(b, m, t), mergeEdits(b, t, m)];
      expect(one && drawing(one)).toEqual(other && drawing(other));
      const alone = mergeEdits(b, m, b);
      expect(alone === null ? mine.every((bit) => bit === 0) : masksEqual(alone, m)).toBe(true);
    }),
  );
});
