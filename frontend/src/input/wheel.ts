/** What a turn of the wheel means. Pure. */
import type { PointerEffect } from "./pointer-router";
import type { ScreenPoint } from "../geometry/types";

export interface RawWheel {
  readonly at: ScreenPoint;
  readonly deltaX: number;
  readonly deltaY: number;
  /** 0 pixels, 1 lines, 2 pages. */
  readonly deltaMode: number;
  readonly isCtrl: boolean;
  readonly isShift: boolean;
  readonly isAlt: boolean;
}

export type WheelEffect = PointerEffect | { readonly kind: "candidate"; readonly steps: 1 | -1 };

const LINE_PX = 16;
const PAGE_PX = 400;
/** A notch of a usual mouse (100 px) zooms by about a fifth; a pinch on a touchpad sends Ctrl and small steps. */
const ZOOM_PER_PX = 0.0018;
const PINCH_ZOOM_PER_PX = 0.01;

export function readWheel(raw: RawWheel): WheelEffect[] {
  const unit = raw.deltaMode === 1 ? LINE_PX : raw.deltaMode === 2 ? PAGE_PX : 1;
  const dx = raw.deltaX * unit;
  const dy = raw.deltaY * unit;
  if (raw.isAlt) return dy === 0 ? [] : [{ kind: "candidate", steps: dy > 0 ? 1 : -1 }];
  if (raw.isShift) return [{ kind: "pan", dx: -(dx || dy), dy: 0 }];
  // A touchpad scrolls sideways too; a mouse wheel never does.
  if (Math.abs(dx) > Math.abs(dy) && !raw.isCtrl) return [{ kind: "pan", dx: -dx, dy: -dy }];
  const rate = raw.isCtrl && Math.abs(dy) < 50 ? PINCH_ZOOM_PER_PX : ZOOM_PER_PX;
  return [{ kind: "zoom", anchor: raw.at, factor: Math.exp(-dy * rate) }];
}
