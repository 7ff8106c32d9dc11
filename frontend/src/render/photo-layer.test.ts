import { expect, it } from "vitest";

import { detailStep, samplingStep } from "./mask-paths";
import { pickLevel, tileUrl } from "./photo-layer";

const LEVELS = [
  { level: 0, width: 8000, height: 6000 },
  { level: 1, width: 4000, height: 3000 },
  { level: 2, width: 2000, height: 1500 },
];

it("takes the smallest level with a pixel for each of the screen's", () => {
  expect(pickLevel(LEVELS, 8000, 0.2).level).toBe(2);
  expect(pickLevel(LEVELS, 8000, 0.26).level).toBe(1);
  expect(pickLevel(LEVELS, 8000, 0.5).level).toBe(1);
  expect(pickLevel(LEVELS, 8000, 0.51).level).toBe(0);
  expect(pickLevel(LEVELS, 8000, 12).level).toBe(0);
});

it("fills in a tile's address", () => {
  expect(tileUrl("/t/{level}/{x}/{y}?v=1", 2, 3, 4)).toBe("/t/2/3/4?v=1");
});

it("halves a mask until one of its pixels is about one on the screen", () => {
  expect([4, 1, 0.6, 0.5, 0.25, 0.2, 0.001].map(detailStep)).toEqual([1, 1, 1, 2, 4, 4, 64]);
});

it("draws a mask that stands for a frame at one to two pixels of the screen, or exactly from close by", () => {
  expect([1, 0.6, 0.5, 0.49, 0.32, 0.25, 0.24, 0.001].map(samplingStep)).toEqual([1, 1, 2, 4, 4, 4, 8, 64]);
});
