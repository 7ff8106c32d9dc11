import { describe, expect, it } from "vitest";

import { combineMasks, maskArea, uniteMasks } from "./column-mask";
import { bitmapMask, drawing } from "./mask-fixtures";
import { connectedParts, fillHoles, findHoles, findStrays, masksOverlap, removeSpecks, smoothEdge } from "./regions";

const ring = bitmapMask([".####.", ".#..#.", ".#.##.", ".####.", "......", "#....."]);

describe("connected parts", () => {
  it("join at corners with 8 neighbours and not with 4", () => {
    const steps = bitmapMask(["#..", ".#.", "..#"]);
    expect(connectedParts(steps, 8)).toHaveLength(1);
    expect(connectedParts(steps, 4).map(maskArea)).toEqual([1, 1, 1]);
  });

  it("keep every pixel once", () => {
    const parts = connectedParts(ring, 8);
    expect(parts.map(maskArea).sort((a, b) => a - b)).toEqual([1, 13]);
    expect(drawing(uniteMasks(parts, ring.size))).toEqual(drawing(ring));
  });

  it("joins arms that meet only at the far end", () => {
    expect(connectedParts(bitmapMask(["####", "...#", "####", "...#", "####"]), 4)).toHaveLength(1);
    expect(connectedParts(bitmapMask(["####", "#...", "####", "#...", "####"]), 4)).toHaveLength(1);
  });
});

describe("holes", () => {
  it("are found and filled, while an open bay is not a hole", () => {
    expect(findHoles(ring).map(maskArea)).toEqual([3]);
    expect(drawing(fillHoles(ring))[1]).toBe(".####.");
    expect(findHoles(bitmapMask(["###", "#..", "###"]))).toEqual([]);
  });

  it("stay when larger than asked for", () => {
    expect(drawing(fillHoles(ring, 2))).toEqual(drawing(ring));
  });
});

it("drops specks but never the largest part", () => {
  expect(maskArea(removeSpecks(ring, 2))).toBe(13);
  expect(maskArea(removeSpecks(ring, 1000))).toBe(13);
});

it("points out stray pixels and pin-holes", () => {
  expect(findStrays(ring, 3).map(maskArea)).toEqual([1, 3]);
});

it("rounds a spike off and fills a notch", () => {
  const smoothed = smoothEdge(bitmapMask(["......#", ".####..", ".####..", ".##.#..", ".####.."]), 1);
  expect(drawing(smoothed)[0]).toBe(".......");
  expect(drawing(smoothed)[3]).toBe(".####..");
});

it("tells whether masks share a pixel", () => {
  const left = bitmapMask(["##..", "##.."]);
  const right = bitmapMask(["..##", ".###"]);
  expect(masksOverlap(left, right)).toBe(true);
  expect(masksOverlap(left, combineMasks(right, left, "subtract"))).toBe(false);
});
