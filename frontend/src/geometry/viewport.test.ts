import fc from "fast-check";
import { expect, it } from "vitest";

import { imagePoint, screenPoint } from "./types";
import {
  fitViewport,
  MAX_SCALE,
  panBy,
  resizeCanvas,
  showBox,
  toImage,
  toScreen,
  visibleBox,
  zoomAt,
} from "./viewport";

const view = fitViewport({ width: 4000, height: 3000 }, { width: 824, height: 724 });

it("fits the photo with a margin, centred", () => {
  expect(view.scale).toBe(0.2);
  expect(toScreen(view, imagePoint(2000, 1500))).toEqual({ x: 412, y: 362 });
});

it("keeps the point under the cursor while zooming", () => {
  const anchor = screenPoint(300, 200);
  const before = toImage(view, anchor);
  const zoomed = zoomAt(view, anchor, 3);
  expect(zoomed.scale).toBeCloseTo(0.6);
  expect(toImage(zoomed, anchor).x).toBeCloseTo(before.x);
  expect(toImage(zoomed, anchor).y).toBeCloseTo(before.y);
});

it("bounds the zoom at both ends", () => {
  expect(zoomAt(view, screenPoint(400, 300), 1e6).scale).toBe(MAX_SCALE);
  expect(zoomAt(view, screenPoint(400, 300), 1e-6).scale).toBe(0.1);
});

it("goes from screen to image and back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 824 }), fc.integer({ min: 0, max: 724 }), (x, y) => {
      const back = toScreen(view, toImage(view, screenPoint(x, y)));
      expect(back.x).toBeCloseTo(x, 6);
      expect(back.y).toBeCloseTo(y, 6);
    }),
  );
});

it("never loses the photo, however far one pans", () => {
  const gone = panBy(view, 1e6, -1e6);
  expect(gone.offsetX).toBe(824 - 48);
  expect(gone.offsetY).toBe(48 - 600);
});

it("shows a box in the middle and knows what is visible", () => {
  const close = showBox(view, { x0: 100, y0: 100, x1: 200, y1: 200 });
  expect(close.scale).toBe(4);
  const seen = visibleBox(close);
  expect((seen.x0 + seen.x1) / 2).toBeCloseTo(150, -1);
  expect(seen.y0).toBeGreaterThanOrEqual(0);
});

it("keeps the middle in the middle when the canvas changes", () => {
  const wider = resizeCanvas(view, { width: 1024, height: 724 });
  expect(toImage(wider, screenPoint(512, 362)).x).toBeCloseTo(2000);
});
