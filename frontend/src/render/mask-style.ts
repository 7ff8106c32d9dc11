/** How one mask looks: fill, and an outline in two tones that reads on any photo. All widths are screen pixels. */
import { cssColor, outlineTones, type Rgb } from "../model/colors";
import type { ColumnMask } from "../geometry/column-mask";
import type { MaskPaths } from "./mask-paths";

export interface MaskStyle {
  readonly color: Rgb;
  readonly fillAlpha: number;
  readonly outline: "solid" | "dashed" | "none";
  readonly lineWidth: number;
}

/** How much wider the dark tone is than the light one that lies on it. */
const DARK_EXTRA_PX = 1.2;
/** A line this thin costs a processor a fifth of a wider one. */
const HAIRLINE_PX = 1;
const DASH_PX = [6, 4] as const;

export interface Brushwork {
  readonly paths: MaskPaths;
  /** Screen pixels per image pixel. */
  readonly scale: number;
  /** Among hundreds of masks outlines are hairlines in one tone: calmer to look at, and quickly drawn. */
  readonly isCrowded?: boolean;
  /** How many of the photo's pixels each of the mask's stands for, across and down; 1 unless the mask was sampled. */
  readonly sampledBy?: number;
}

/** Draw a mask on a context that is in image space. */
export function drawMask(context: CanvasRenderingContext2D, mask: ColumnMask, style: MaskStyle, at: Brushwork): void {
  const path = at.paths.pathOf(mask, at.scale, at.sampledBy);
  if (style.fillAlpha > 0) {
    context.fillStyle = cssColor(style.color, style.fillAlpha);
    context.fill(path, "nonzero");
  }
  if (style.outline === "none") return;
  // Round joins cost several times as much, and at these widths nobody can tell.
  context.lineJoin = "bevel";
  context.setLineDash(style.outline === "dashed" ? DASH_PX.map((px) => px / at.scale) : []);
  const { light, dark } = outlineTones(style.color);
  if (!at.isCrowded) {
    context.lineWidth = (style.lineWidth + DARK_EXTRA_PX) / at.scale;
    context.strokeStyle = cssColor(dark, 0.9);
    context.stroke(path);
  }
  context.lineWidth = (at.isCrowded ? HAIRLINE_PX : style.lineWidth) / at.scale;
  context.strokeStyle = cssColor(light);
  context.stroke(path);
  context.setLineDash([]);
}
