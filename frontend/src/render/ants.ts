/**
 * Marching ants around the selected masks. Their outlines are drawn once for a view; each frame moves stripes through
 * them, which costs the same for one mask as for hundreds.
 */
import type { ColumnMask } from "../geometry/column-mask";
import type { Viewport } from "../geometry/viewport";
import type { MaskPaths } from "./mask-paths";
import { Surface } from "./surface";

interface Selected {
  readonly mask: ColumnMask;
}

/** Ants march this many pixels a second. */
const PX_PER_S = 18;
/** A light and a dark stripe, in CSS pixels. */
const PERIOD_PX = 12;
const LINE_PX = 2.2;
const EDGE_PX = 3.6;
const LIGHT = "#ffffff";
const DARK = "#0a0e14";

export class Ants {
  private readonly outlines = new Surface(document.createElement("canvas"));
  private readonly striped = new Surface(document.createElement("canvas"));
  private drawn: { readonly view: Viewport; readonly masks: readonly ColumnMask[] } | null = null;
  private stripes: CanvasPattern | null = null;

  constructor(private readonly paths: MaskPaths) {}

  /** Draw on a surface of the view's size; `timeMs` moves the stripes. */
  draw(surface: Surface, selected: readonly Selected[], view: Viewport, timeMs: number): void {
    if (selected.length === 0) {
      this.drawn = null;
      return;
    }
    const { canvas } = surface;
    for (const own of [this.outlines, this.striped]) {
      if (own.resize(view.canvas, canvas.width / view.canvas.width)) this.drawn = null;
    }
    if (!this.isDrawn(selected, view)) this.drawOutlines(selected, view);
    this.drawStripes((timeMs / 1000) * PX_PER_S);
    surface.context.setTransform(1, 0, 0, 1, 0, 0);
    surface.context.drawImage(this.striped.canvas, 0, 0);
  }

  private isDrawn(selected: readonly Selected[], view: Viewport): boolean {
    const { drawn } = this;
    if (drawn?.view !== view || drawn.masks.length !== selected.length) return false;
    return selected.every(({ mask }, i) => mask === drawn.masks[i]);
  }

  private drawOutlines(selected: readonly Selected[], view: Viewport): void {
    this.drawn = { view, masks: selected.map(({ mask }) => mask) };
    const { context } = this.outlines;
    this.outlines.clear();
    this.outlines.useImageSpace(view);
    context.lineJoin = "bevel";
    for (const [width, color] of [
      [EDGE_PX, DARK],
      [LINE_PX, LIGHT],
    ] as const) {
      context.lineWidth = width / view.scale;
      context.strokeStyle = color;
      for (const { mask } of selected) context.stroke(this.paths.pathOf(mask, view.scale));
    }
  }

  /** Dark stripes where there are outlines, moved along by `px`. */
  private drawStripes(px: number): void {
    const { context, canvas } = this.striped;
    const density = canvas.width / Math.max(this.drawn?.view.canvas.width ?? 1, 1);
    this.striped.clear();
    context.globalCompositeOperation = "copy";
    context.drawImage(this.outlines.canvas, 0, 0);
    context.globalCompositeOperation = "source-atop";
    this.stripes ??= makeStripes(context);
    if (this.stripes) {
      this.stripes.setTransform(new DOMMatrix([density, 0, 0, density, (px * density) % (PERIOD_PX * density), 0]));
      context.fillStyle = this.stripes;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    context.globalCompositeOperation = "source-over";
  }
}

/** Diagonal dark stripes with room between them, so that lines of every direction but one show both. */
function makeStripes(context: CanvasRenderingContext2D): CanvasPattern | null {
  const tile = document.createElement("canvas");
  tile.width = tile.height = PERIOD_PX;
  const drawing = tile.getContext("2d");
  if (!drawing) return null;
  drawing.fillStyle = DARK;
  for (const shift of [-PERIOD_PX, 0, PERIOD_PX]) {
    drawing.beginPath();
    drawing.moveTo(shift, PERIOD_PX);
    drawing.lineTo(shift + PERIOD_PX, 0);
    drawing.lineTo(shift + PERIOD_PX * 1.5, 0);
    drawing.lineTo(shift + PERIOD_PX * 0.5, PERIOD_PX);
    drawing.fill();
  }
  return context.createPattern(tile, "repeat");
}
