import { expect, it } from "vitest";

import { boxesMeet } from "../geometry/boxes";
import { emptyMask } from "../geometry/column-mask";
import { changedBox, type PaintedMask } from "./mask-changes";

const SIZE = { width: 100, height: 100 };

function painted(id: string, x0: number, change: Partial<PaintedMask["style"]> = {}): PaintedMask {
  const style = { color: [1, 2, 3], fillAlpha: 0.4, outline: "solid", lineWidth: 1.5, ...change } as const;
  return { id, mask: MASK, bounds: { x0, y0: 10, x1: x0 + 5, y1: 20 }, style };
}

const MASK = emptyMask(SIZE);
const THREE = [painted("a", 0), painted("b", 20), painted("c", 40)];

it("finds no change between two equal lists", () => {
  expect(changedBox(THREE, [painted("a", 0), painted("b", 20), painted("c", 40)])).toBeNull();
});

it("surrounds what was added and what went away", () => {
  expect(changedBox(THREE, [...THREE, painted("d", 60)])).toEqual({ x0: 60, y0: 10, x1: 65, y1: 20 });
  expect(changedBox(THREE, THREE.slice(1))).toEqual({ x0: 0, y0: 10, x1: 5, y1: 20 });
});

it("surrounds the old and the new place of a mask that was edited", () => {
  const edited = { ...painted("b", 30), mask: emptyMask(SIZE) };
  expect(changedBox(THREE, [THREE[0], edited, THREE[2]])).toEqual({ x0: 20, y0: 10, x1: 35, y1: 20 });
});

it("sees another colour, fill and outline", () => {
  const box = { x0: 20, y0: 10, x1: 25, y1: 20 };
  for (const change of [{ color: [1, 2, 4] as const }, { fillAlpha: 0 }, { outline: "dashed" as const }])
    expect(changedBox(THREE, [THREE[0], painted("b", 20, change), THREE[2]])).toEqual(box);
});

it("wants everything painted anew when the order changed or too much did", () => {
  expect(changedBox(THREE, [THREE[1], THREE[0], THREE[2]])).toBe("everything");
  const many = Array.from({ length: 65 }, (_, i) => painted(`m${i}`, i));
  expect(changedBox([], many)).toBe("everything");
});

it("tells boxes that meet from boxes that only touch", () => {
  const box = { x0: 0, y0: 0, x1: 10, y1: 10 };
  expect(boxesMeet(box, { x0: 9, y0: 9, x1: 12, y1: 12 })).toBe(true);
  expect(boxesMeet(box, { x0: 10, y0: 0, x1: 12, y1: 12 })).toBe(false);
});
