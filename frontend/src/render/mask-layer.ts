/**
 * The saved masks. They are drawn once per view onto a picture of their own; while one pans or zooms, that picture is
 * moved and scaled, and a fresh one is painted in slices as soon as the view rests. So 2,000 masks cost one drawImage a
 * frame.
 */
import type { ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy } from "../geometry/types";
import { visibleBox, type Viewport } from "../geometry/viewport";
import type { Layer } from "./frame-loop";
import type { MaskPaths } from "./mask-paths";
import { drawMask, type MaskStyle } from "./mask-style";
import { Surface } from "./surface";

export interface PaintedMask {
  readonly mask: ColumnMask;
  readonly bounds: BoxXyxy;
  readonly style: MaskStyle;
}

interface Picture {
  readonly surface: Surface;
  view: Viewport | null;
}

/** Milliseconds of one frame that may go into painting the fresh picture. */
const SLICE_MS = 7;
/** How long the view must rest before the picture is painted anew. */
const REST_MS = 90;

export class MaskLayer implements Layer {
  private shown: Picture = newPicture();
  private fresh: Picture = newPicture();
  private queue: PaintedMask[] | null = null;
  private isStale = true;
  private viewChangedMs = -Infinity;
  private lastView: Viewport | null = null;

  constructor(
    private readonly surface: Surface,
    private readonly paths: MaskPaths,
    private readonly getView: () => Viewport,
    private readonly getMasks: () => readonly PaintedMask[],
  ) {}

  /** The masks or their looks have changed. */
  invalidate(): void {
    this.isStale = true;
    this.queue = null;
  }

  draw(timeMs: number): boolean {
    const view = this.getView();
    const isMoving = this.noteView(view, timeMs);
    if (this.isStale || (this.shown.view !== view && !isMoving)) this.startPainting(view);
    if (this.queue) this.paintSlice();
    this.present(view);
    return isMoving || this.queue !== null || this.shown.view !== view;
  }

  /** True while the view is still being moved, so that painting for it would be in vain. */
  private noteView(view: Viewport, timeMs: number): boolean {
    if (view !== this.lastView) {
      const isFirst = this.lastView === null || this.lastView.image !== view.image;
      this.lastView = view;
      this.viewChangedMs = isFirst ? -Infinity : timeMs;
      if (this.queue && this.fresh.view !== view && !this.isStale) this.queue = null;
    }
    return timeMs - this.viewChangedMs < REST_MS;
  }

  private startPainting(view: Viewport): void {
    if (this.queue && this.fresh.view === view) return;
    this.isStale = false;
    this.fresh.view = view;
    const density = this.surface.canvas.width / Math.max(view.canvas.width, 1);
    this.fresh.surface.resize(view.canvas, density);
    this.fresh.surface.clear();
    const seen = visibleBox(view);
    this.queue = this.getMasks().filter(({ bounds }) => boxesMeet(bounds, seen));
    this.queue.reverse();
  }

  private paintSlice(): void {
    const { queue, fresh } = this;
    if (!queue || !fresh.view) return;
    const end = performance.now() + SLICE_MS;
    fresh.surface.useImageSpace(fresh.view);
    const at = { paths: this.paths, scale: fresh.view.scale };
    for (let next = queue.pop(); next; next = queue.pop()) {
      drawMask(fresh.surface.context, next.mask, next.style, at);
      if (performance.now() > end) break;
    }
    if (queue.length > 0) return;
    this.queue = null;
    [this.shown, this.fresh] = [this.fresh, this.shown];
  }

  private present(view: Viewport): void {
    this.surface.clear();
    const painted = this.shown.view;
    if (!painted || painted.image !== view.image) return;
    const ratio = view.scale / painted.scale;
    this.surface.useScreenSpace();
    const left = view.offsetX - painted.offsetX * ratio;
    const top = view.offsetY - painted.offsetY * ratio;
    const { canvas } = this.shown.surface;
    this.surface.context.drawImage(canvas, left, top, painted.canvas.width * ratio, painted.canvas.height * ratio);
  }
}

function newPicture(): Picture {
  return { surface: new Surface(document.createElement("canvas")), view: null };
}

export function boxesMeet(a: BoxXyxy, b: BoxXyxy): boolean {
  return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}
