import { describe, expect, it } from "vitest";
import { emptyMask } from "./column-mask";
import { findGaps, measureCoverage, uncoveredShare } from "./coverage";
import { fillPolygon } from "./strokes";
import { imagePoint } from "./types";

const SIZE = { width: 100, height: 60 };

function rectangle(x0: number, y0: number, x1: number, y1: number, size = SIZE) {
  return fillPolygon([imagePoint(x0, y0), imagePoint(x1, y0), imagePoint(x1, y1), imagePoint(x0, y1)], size);
}

describe("what is left of a photo", () => {
  it("is all of it without masks, and the widest place is the middle", () => {
    const coverage = measureCoverage([], SIZE);
    expect([coverage.columns, coverage.rows, coverage.cell]).toEqual([100, 60, 1]);
    expect(uncoveredShare(coverage)).toBe(1);
    const [gap] = findGaps(coverage);
    expect(gap.radius).toBe(30);
    expect(Math.abs(gap.middle.y - 30)).toBeLessThanOrEqual(1);
  });

  it("counts a cell as covered when a mask holds its middle", () => {
    const coverage = measureCoverage([rectangle(0, 0, 50, 60), rectangle(40, 0, 60, 30)], SIZE);
    expect(uncoveredShare(coverage)).toBeCloseTo((40 * 60 + 10 * 30) / 6000, 5);
    expect(coverage.distance[0]).toBe(0);
    expect(coverage.distance[10 * 100 + 60]).toBe(1);
  });

  it("names each gap once, the largest first", () => {
    const gaps = findGaps(measureCoverage([rectangle(60, 0, 70, 60)], SIZE));
    expect(gaps[0].middle.x).toBeLessThan(60);
    expect(gaps.some(({ middle }) => middle.x > 70)).toBe(true);
    for (const [i, a] of gaps.entries()) {
      expect(a.radius).toBeLessThanOrEqual(gaps[0].radius);
      for (const b of gaps.slice(i + 1)) {
        expect(Math.hypot(a.middle.x - b.middle.x, a.middle.y - b.middle.y)).toBeGreaterThanOrEqual(a.radius);
      }
    }
  });

  it("has no gap where everything is covered", () => {
    const coverage = measureCoverage([rectangle(0, 0, 100, 60)], SIZE);
    expect(uncoveredShare(coverage)).toBe(0);
    expect(findGaps(coverage)).toEqual([]);
  });

  it("measures a large photo on a coarse grid, in pixels of the photo", () => {
    const size = { width: 4000, height: 3000 };
    const coverage = measureCoverage([rectangle(0, 0, 2000, 3000, size), emptyMask(size)], size);
    expect([coverage.columns, coverage.rows, coverage.cell]).toEqual([125, 94, 32]);
    expect(uncoveredShare(coverage)).toBeCloseTo(0.5, 1);
    const [gap] = findGaps(coverage);
    expect(gap.middle.x).toBeGreaterThan(2900);
    expect(gap.radius).toBeGreaterThan(900);
  });
});
