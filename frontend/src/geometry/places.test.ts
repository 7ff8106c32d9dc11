import { describe, expect, it } from "vitest";

import { findGaps, measureCoverage } from "./coverage";
import { questionsFor, rankPlaces, withSurroundings, type Proposal } from "./places";
import { fillPolygon } from "./strokes";
import { imagePoint, type BoxXyxy } from "./types";

const SIZE = { width: 100, height: 60 };

function rectangle({ x0, y0, x1, y1 }: BoxXyxy) {
  return fillPolygon([imagePoint(x0, y0), imagePoint(x1, y0), imagePoint(x1, y1), imagePoint(x0, y1)], SIZE);
}
const box = (x0: number, y0: number, x1: number, y1: number): BoxXyxy => ({ x0, y0, x1, y1 });
const proposal = (bounds: BoxXyxy, score: number): Proposal => ({
  bounds,
  score,
  contains: (x, y) => x >= bounds.x0 && x < bounds.x1 && y >= bounds.y0 && y < bounds.y1,
});

describe("places where an object may be", () => {
  it("come in the order of how likely that is, however small, before bare gaps", () => {
    const coverage = measureCoverage([rectangle(box(0, 0, 50, 60))], SIZE);
    const small = box(52, 50, 58, 56);
    const large = box(60, 5, 95, 40);
    const places = rankPlaces([proposal(large, 0.6), proposal(small, 0.9)], coverage, findGaps(coverage));
    expect(places.slice(0, 2)).toEqual([
      { box: small, likelihood: 0.9 },
      { box: large, likelihood: 0.6 },
    ]);
    expect(places.slice(2).every(({ likelihood }) => likelihood === null)).toBe(true);
  });

  it("leave out what a mask covers, what is most of the photo, and the same object twice", () => {
    const coverage = measureCoverage([rectangle(box(0, 0, 30, 60))], SIZE);
    const covered = proposal(box(5, 5, 25, 25), 0.95);
    const background = proposal(box(0, 0, 100, 60), 0.95);
    const twice = [proposal(box(60, 10, 80, 30), 0.8), proposal(box(61, 10, 81, 30), 0.7)];
    const likely = rankPlaces([covered, background, ...twice], coverage, []);
    expect(likely).toEqual([{ box: box(60, 10, 80, 30), likelihood: 0.8 }]);
  });

  it("count for less the more of them is covered", () => {
    const coverage = measureCoverage([rectangle(box(0, 0, 30, 60))], SIZE);
    const [half] = rankPlaces([proposal(box(22, 10, 42, 30), 1)], coverage, []);
    expect(half.likelihood).toBeCloseTo(0.6, 5);
  });
});

it("asks about every part that is not covered, and about nothing else", () => {
  const coverage = measureCoverage([rectangle(box(0, 0, 50, 60))], SIZE);
  const questions = questionsFor(coverage, findGaps(coverage));
  expect(questions.every(({ x }) => x > 50)).toBe(true);
  for (const [x, y] of [
    [60, 10],
    [90, 10],
    [60, 50],
    [90, 50],
  ]) {
    expect(Math.min(...questions.map((point) => Math.hypot(point.x - x, point.y - y)))).toBeLessThan(15);
  }
});

it("shows a small thing with its surroundings, within the photo", () => {
  const shown = withSurroundings(box(90, 20, 94, 24), SIZE);
  expect(shown.x1 - shown.x0).toBeGreaterThan(16);
  expect(shown.x1).toBe(100);
  const large = withSurroundings(box(20, 10, 60, 50), SIZE);
  expect(large.x1 - large.x0).toBeGreaterThan(60);
});
