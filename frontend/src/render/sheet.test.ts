import fc from "fast-check";
import { expect, it } from "vitest";

import { fitViewport, panBy, toScreen, zoomAt, type Viewport } from "../geometry/viewport";
import { coversView, MARGIN_PX, placementFor } from "./sheet";

const IMAGE = { width: 4000, height: 3000 };
const CANVAS = { width: 1000, height: 700 };
const FIT = fitViewport(IMAGE, CANVAS);
const NEAR = zoomAt(FIT, { x: 500, y: 350 }, 4);

const coordinate = fc.double({ min: -400, max: 400, noNaN: true });
const views: fc.Arbitrary<Viewport> = fc
  .tuple(coordinate, coordinate, fc.double({ min: 0.5, max: 4, noNaN: true }))
  .map(([dx, dy, factor]) => zoomAt(panBy(NEAR, dx, dy), { x: 300, y: 200 }, factor));

it("moves a sheet so that each of its points lies where the view puts it", () => {
  fc.assert(
    fc.property(views, views, fc.nat(3999), fc.nat(2999), (painted, view, x, y) => {
      const { left, top, ratio } = placementFor(painted, view);
      const onSheet = toScreen(painted, { x, y });
      const wanted = toScreen(view, { x, y });
      expect(left - MARGIN_PX + (onSheet.x + MARGIN_PX) * ratio).toBeCloseTo(wanted.x, 5);
      expect(top - MARGIN_PX + (onSheet.y + MARGIN_PX) * ratio).toBeCloseTo(wanted.y, 5);
    }),
  );
});

it("covers a view that was panned within the margin, and none beyond it", () => {
  expect(coversView(NEAR, NEAR)).toBe(true);
  expect(coversView(NEAR, panBy(NEAR, MARGIN_PX - 1, 0))).toBe(true);
  expect(coversView(NEAR, panBy(NEAR, MARGIN_PX + 2, 0))).toBe(false);
  expect(coversView(NEAR, panBy(NEAR, 0, -MARGIN_PX - 2))).toBe(false);
});

it("covers what is zoomed in on, and the whole photo wherever it lies", () => {
  expect(coversView(NEAR, zoomAt(NEAR, { x: 10, y: 690 }, 1.5))).toBe(true);
  expect(coversView(NEAR, FIT)).toBe(false);
  expect(coversView(FIT, panBy(FIT, 600, 300))).toBe(true);
});

it("covers no other photo and no other canvas", () => {
  expect(coversView(NEAR, { ...NEAR, image: { ...IMAGE } })).toBe(false);
  expect(coversView(NEAR, { ...NEAR, canvas: { width: 1001, height: 700 } })).toBe(false);
});
