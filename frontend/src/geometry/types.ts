/**
 * The coordinate spaces and sizes that every room shares, as types that do not mix.
 *
 * Knows nothing of the page, the model or the network. Only geometry/viewport.ts turns screen into image points,
 * only inference/ turns image points into the model's.
 */

declare const space: unique symbol;

/** A position in CSS pixels, measured from the top left corner of the canvas. */
export interface ScreenPoint {
  readonly x: number;
  readonly y: number;
  readonly [space]?: "screen";
}

/** A position in pixels of the upright original image; (0, 0) is the outer corner of the first pixel. */
export interface ImagePoint {
  readonly x: number;
  readonly y: number;
  readonly [space]?: "image";
}

/** Height and width in pixels; always named apart, so that no pair can be swapped. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A box in image pixels, x1 and y1 exclusive. */
export interface BoxXyxy {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** One thing that a person tells the model, in image pixels. */
export type Prompt =
  | { readonly kind: "point"; readonly point: ImagePoint; readonly label: 0 | 1 }
  | { readonly kind: "box"; readonly box: BoxXyxy };

/** The decoder's output before threshold: side x side values, row-major, over the padded square model input. */
export interface LowResLogits {
  readonly data: Float32Array;
  readonly side: number;
}

export function sameBox(a: BoxXyxy | null, b: BoxXyxy | null): boolean {
  if (a === null || b === null) return a === b;
  return a.x0 === b.x0 && a.y0 === b.y0 && a.x1 === b.x1 && a.y1 === b.y1;
}

export function screenPoint(x: number, y: number): ScreenPoint {
  return { x, y };
}

export function imagePoint(x: number, y: number): ImagePoint {
  return { x, y };
}
