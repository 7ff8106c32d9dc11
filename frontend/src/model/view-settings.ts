/** How the photo and the masks are shown. Never saved with the masks and never part of undo. */

export interface ViewSettings {
  readonly brightness: number;
  readonly contrast: number;
  /** Opacity of the fills, 0 to 1. */
  readonly opacity: number;
  readonly areMasksHidden: boolean;
  /** Only the selected masks are drawn. */
  readonly isSolo: boolean;
  readonly colorBy: "label" | "instance";
  readonly isHoverOn: boolean;
  readonly isSpotlightOn: boolean;
  readonly isTimerHintOn: boolean;
  /** What a label key right after Enter names: the mask just made, or the next one. */
  readonly labelKeyNames: "made" | "next";
}

export const DEFAULT_VIEW: ViewSettings = {
  brightness: 1,
  contrast: 1,
  opacity: 0.4,
  areMasksHidden: false,
  isSolo: false,
  colorBy: "label",
  isHoverOn: true,
  isSpotlightOn: false,
  isTimerHintOn: true,
  labelKeyNames: "made",
};

export type ToolId = "select" | "points" | "box" | "brush" | "eraser" | "lasso" | "comment";

export type PointerKind = "mouse" | "touch" | "pen";

/** Width of the side panel in CSS pixels. */
export const DEFAULT_PANEL_WIDTH = 280;
export const PANEL_WIDTHS = { least: 220, most: 520 } as const;

/** Settings of the tools that paint. */
export interface BrushSettings {
  /** Diameter in image pixels. */
  readonly size: number;
  readonly shape: "round" | "square";
  readonly hasPressure: boolean;
  readonly lassoMode: "add" | "subtract" | "split";
  /** What a plain click or tap with the prompt tools means; fingers and pens have no second button. */
  readonly promptLabel: 0 | 1;
  /** A click adds to the selection, as with Shift; for fingers. */
  readonly isSelectingSeveral: boolean;
}

export const DEFAULT_BRUSH: BrushSettings = {
  size: 24,
  shape: "round",
  hasPressure: true,
  lassoMode: "add",
  promptLabel: 1,
  isSelectingSeveral: false,
};

const SIZE_STEP = 1.25;
export const MAX_BRUSH_SIZE = 600;

/** The next size up or down: a quarter larger or smaller, at least one pixel. */
export function steppedSize(size: number, direction: 1 | -1): number {
  const stepped = direction > 0 ? Math.max(size * SIZE_STEP, size + 1) : Math.min(size / SIZE_STEP, size - 1);
  return Math.min(Math.max(Math.round(stepped), 1), MAX_BRUSH_SIZE);
}
