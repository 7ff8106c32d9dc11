/**
 * The one place that turns screen into image coordinates and back.
 *
 * A viewport is a value: every function returns a new one. It knows nothing of canvases or devices.
 */
import { imagePoint, screenPoint, type BoxXyxy, type ImagePoint, type ScreenPoint, type Size } from "./types";

/** screen = image * scale + offset, in CSS pixels. */
export interface Viewport {
  readonly scale: number;
  readonly offsetX: number;
  readonly offsetY: number;
  /** Size of the canvas in CSS pixels. */
  readonly canvas: Size;
  /** Size of the upright photo in its own pixels. */
  readonly image: Size;
}

export const MAX_SCALE = 64;
const FIT_MARGIN_PX = 24;
/** How much of the photo must stay on the canvas, so that nobody pans it out of sight. */
const KEEP_VISIBLE_PX = 48;

/** Show the whole photo, centred, with a margin. */
export function fitViewport(image: Size, canvas: Size): Viewport {
  const room = {
    width: Math.max(canvas.width - FIT_MARGIN_PX, 16),
    height: Math.max(canvas.height - FIT_MARGIN_PX, 16),
  };
  const scale = Math.min(room.width / image.width, room.height / image.height, MAX_SCALE);
  return centred(image, canvas, scale);
}

function centred(image: Size, canvas: Size, scale: number): Viewport {
  const offsetX = (canvas.width - image.width * scale) / 2;
  const offsetY = (canvas.height - image.height * scale) / 2;
  return { scale, offsetX, offsetY, canvas, image };
}

export function toImage(view: Viewport, point: ScreenPoint): ImagePoint {
  return imagePoint((point.x - view.offsetX) / view.scale, (point.y - view.offsetY) / view.scale);
}

export function toScreen(view: Viewport, point: ImagePoint): ScreenPoint {
  return screenPoint(point.x * view.scale + view.offsetX, point.y * view.scale + view.offsetY);
}

/** Scale by `factor` so that the photo's point under `anchor` stays under it. */
export function zoomAt(view: Viewport, anchor: ScreenPoint, factor: number): Viewport {
  const least = Math.min(fitViewport(view.image, view.canvas).scale, 1) / 2;
  const scale = Math.min(Math.max(view.scale * factor, least), MAX_SCALE);
  const held = toImage(view, anchor);
  const moved = { ...view, scale, offsetX: anchor.x - held.x * scale, offsetY: anchor.y - held.y * scale };
  return keepInSight(moved);
}

export function panBy(view: Viewport, dx: number, dy: number): Viewport {
  return keepInSight({ ...view, offsetX: view.offsetX + dx, offsetY: view.offsetY + dy });
}

/** Follow a change of the canvas, keeping the photo's point in the middle in the middle. */
export function resizeCanvas(view: Viewport, canvas: Size): Viewport {
  const dx = (canvas.width - view.canvas.width) / 2;
  const dy = (canvas.height - view.canvas.height) / 2;
  return keepInSight({ ...view, canvas, offsetX: view.offsetX + dx, offsetY: view.offsetY + dy });
}

/** Bring a box to the middle, large enough to work on, yet never beyond `maxScale`. */
export function showBox(view: Viewport, box: BoxXyxy, maxScale = 4): Viewport {
  const width = Math.max(box.x1 - box.x0, 1) * 1.6;
  const height = Math.max(box.y1 - box.y0, 1) * 1.6;
  const scale = Math.min(view.canvas.width / width, view.canvas.height / height, maxScale);
  const offsetX = view.canvas.width / 2 - ((box.x0 + box.x1) / 2) * scale;
  const offsetY = view.canvas.height / 2 - ((box.y0 + box.y1) / 2) * scale;
  return keepInSight({ ...view, scale, offsetX, offsetY });
}

/** The part of the photo on the canvas, clipped to the photo; whole pixels. */
export function visibleBox(view: Viewport): BoxXyxy {
  const first = toImage(view, screenPoint(0, 0));
  const last = toImage(view, screenPoint(view.canvas.width, view.canvas.height));
  return {
    x0: clamp(Math.floor(first.x), 0, view.image.width),
    y0: clamp(Math.floor(first.y), 0, view.image.height),
    x1: clamp(Math.ceil(last.x), 0, view.image.width),
    y1: clamp(Math.ceil(last.y), 0, view.image.height),
  };
}

export function isInside(size: Size, point: ImagePoint): boolean {
  return point.x >= 0 && point.y >= 0 && point.x < size.width && point.y < size.height;
}

export function clampToImage(size: Size, point: ImagePoint): ImagePoint {
  return imagePoint(clamp(point.x, 0, size.width), clamp(point.y, 0, size.height));
}

function keepInSight(view: Viewport): Viewport {
  const offsetX = clampOffset(view.offsetX, view.image.width * view.scale, view.canvas.width);
  const offsetY = clampOffset(view.offsetY, view.image.height * view.scale, view.canvas.height);
  return { ...view, offsetX, offsetY };
}

function clampOffset(offset: number, photo: number, canvas: number): number {
  const keep = Math.min(KEEP_VISIBLE_PX, photo, canvas);
  return clamp(offset, keep - photo, canvas - keep);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
