/** Boxes in image pixels: whether they meet, and the box around two. */
import type { BoxXyxy } from "./types";

/** Whether two boxes share a pixel; touching is not meeting. */
export function boxesMeet(a: BoxXyxy, b: BoxXyxy): boolean {
  return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}

/** The smallest box around both. */
export function surroundBoxes(a: BoxXyxy, b: BoxXyxy): BoxXyxy {
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}
