import { expect, it } from "vitest";

import { maskArea, maskBounds } from "./column-mask";
import { drawing, photo } from "./mask-fixtures";
import { fillBox, fillPolygon, sweepBrush } from "./strokes";
import { imagePoint } from "./types";

const dab = (x: number, y: number, radius: number) => ({ point: imagePoint(x, y), radius });

it("covers the pixels whose middle lies in a round dab", () => {
  const mask = sweepBrush(dab(2.5, 2.5, 1.5), dab(2.5, 2.5, 1.5), "round", photo(5, 5));
  expect(drawing(mask)).toEqual([".....", ".###.", ".###.", ".###.", "....."]);
});

it("covers a square dab", () => {
  const mask = sweepBrush(dab(2.5, 2.5, 1), dab(2.5, 2.5, 1), "square", photo(5, 5));
  expect(drawing(mask)).toEqual([".....", ".###.", ".###.", ".###.", "....."]);
});

it("sweeps from dab to dab without gaps", () => {
  const mask = sweepBrush(dab(1.5, 1.5, 0.8), dab(6.5, 1.5, 0.8), "round", photo(8, 3));
  expect(drawing(mask)).toEqual(["........", ".######.", "........"]);
  const slanted = sweepBrush(dab(20, 20, 5), dab(80, 60, 5), "round", photo(100, 100));
  // A capsule: length 72.11 times width 10, and one disc of radius 5.
  expect(Math.abs(maskArea(slanted) - (721.1 + 78.5))).toBeLessThan(12);
});

it("lets the radius change along the stroke", () => {
  const mask = sweepBrush(dab(10, 20, 2), dab(30, 20, 8), "round", photo(40, 40));
  expect(maskBounds(mask)).toEqual({ x0: 8, y0: 12, x1: 38, y1: 28 });
});

it("stays on the photo", () => {
  const mask = sweepBrush(dab(0, 0, 2), dab(-5, 0, 2), "round", photo(4, 4));
  expect(drawing(mask)).toEqual(["##..", "#...", "....", "...."]);
  expect(maskArea(sweepBrush(dab(90, 90, 2), dab(90, 90, 2), "round", photo(4, 4)))).toBe(0);
});

it("fills a polygon by the even-odd rule", () => {
  const triangle = [imagePoint(0, 0), imagePoint(4, 0), imagePoint(0, 4)];
  expect(drawing(fillPolygon(triangle, photo(4, 4)))).toEqual(["###.", "##..", "#...", "...."]);
  const bowTie = [imagePoint(0, 0), imagePoint(4, 4), imagePoint(4, 0), imagePoint(0, 4)];
  expect(drawing(fillPolygon(bowTie, photo(4, 4)))).toEqual(["#..#", "####", "#..#", "...."]);
});

it("makes nothing of a polygon with fewer than three corners", () => {
  expect(maskArea(fillPolygon([], photo(4, 4)))).toBe(0);
  expect(maskArea(fillPolygon([imagePoint(1, 1), imagePoint(3, 1)], photo(4, 4)))).toBe(0);
});

it("fills a box clipped to the photo", () => {
  expect(drawing(fillBox({ x0: 1, y0: -3, x1: 9, y1: 2 }, photo(3, 3)))).toEqual([".##", ".##", "..."]);
});
