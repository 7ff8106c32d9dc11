/**
 * The saved masks, on a sheet that moves with the view. A small change is patched in at once; everything is painted
 * anew, in slices beside the visible sheet, when the view has come to rest.
 */
import { boxesMeet } from "../geometry/boxes";
import type { BoxXyxy } from "../geometry/types";
import type { Viewport } from "../geometry/viewport";
import type { Layer } from "./frame-loop";
import { changedBox, type PaintedMask } from "./mask-changes";
import type { MaskPaths } from "./mask-paths";
import { drawMask } from "./mask-style";
import { MARGIN_PX, Sheet } from "./sheet";

/** Milliseconds of one frame that may go into painting. */
const SLICE_MS = 8;
/** How long the view must rest before the masks are painted anew. */
const REST_MS = 90;
/** More masks than this around a change are painted in slices, not at once. */
const MOST_PATCHED = 150;
/** Outline and halo reach this far beyond a mask, in CSS pixels. */
const REACH_PX = 4;
const FIRST_BATCH = 16;
/** From this many masks in sight on, outlines are drawn as for a crowd. */
const CROWD = 300;

export class MaskLayer implements Layer {
  private readonly shown: Sheet;
  private readonly fresh = new Sheet(document.createElement("canvas"), { willReadFrequently: true });
  private masks: readonly PaintedMask[] = [];
  private queue: PaintedMask[] | null = null;
  private batch = FIRST_BATCH;
  private isCrowded = false;
  private isStale = true;
  /** Whether the visible sheet holds all masks; until then it shows what there is. */
  private isWhole = false;
  private viewChangedMs = -Infinity;
  private lastView: Viewport | null = null;

  constructor(
    canvas: HTMLCanvasElement,
    private readonly paths: MaskPaths,
    private readonly getView: () => Viewport,
    private readonly getMasks: () => readonly PaintedMask[],
  ) {
    this.shown = new Sheet(canvas);
  }

  /** The masks or their looks have changed. */
  invalidate(): void {
    this.isStale = true;
  }

  draw(timeMs: number): boolean {
    const view = this.getView();
    const isMoving = this.noteView(view, timeMs);
    if (this.isStale) this.takeChanges(view);
    if (this.queue === null && this.shown.painted !== view && !isMoving) this.startPainting(view);
    if (this.queue) this.paintSlice();
    this.shown.moveTo(view);
    return isMoving || this.queue !== null || this.shown.painted !== view;
  }

  /** True while the view is still being moved, so that painting for it would be in vain. */
  private noteView(view: Viewport, timeMs: number): boolean {
    if (view !== this.lastView) {
      const isFirst = this.lastView === null || this.lastView.image !== view.image;
      this.lastView = view;
      this.viewChangedMs = isFirst ? -Infinity : timeMs;
      if (isFirst) this.isWhole = false;
      this.queue = null;
    }
    return timeMs - this.viewChangedMs < REST_MS;
  }

  private takeChanges(view: Viewport): void {
    this.isStale = false;
    const before = this.masks;
    this.masks = this.getMasks();
    const hasPicture = this.isWhole && this.queue === null;
    const box = hasPicture ? changedBox(before, this.masks) : "everything";
    if (box === "everything" || (box && !this.patch(box))) this.startPainting(view);
  }

  /** Paint what meets a box anew, in place; false when that is too much for one frame. */
  private patch(box: BoxXyxy): boolean {
    const { painted, context } = this.shown;
    if (!painted) return false;
    const grown = growToPixels(box, painted);
    const masks = this.masks.filter(({ bounds }) => boxesMeet(growToPixels(bounds, painted), grown));
    if (masks.length > MOST_PATCHED) return false;
    context.save();
    context.beginPath();
    context.rect(grown.x0, grown.y0, grown.x1 - grown.x0, grown.y1 - grown.y0);
    context.clip();
    context.clearRect(grown.x0, grown.y0, grown.x1 - grown.x0, grown.y1 - grown.y0);
    const at = { paths: this.paths, scale: painted.scale, isCrowded: this.isCrowded };
    for (const { mask, style } of masks) drawMask(context, mask, style, at);
    context.restore();
    return true;
  }

  private startPainting(view: Viewport): void {
    this.fresh.begin(view);
    const seen = growBox(stageBox(view), (MARGIN_PX + REACH_PX) / view.scale);
    this.queue = this.masks.filter(({ bounds }) => boxesMeet(bounds, seen)).reverse();
    this.isCrowded = this.queue.length >= CROWD;
  }

  private paintSlice(): void {
    const { queue, fresh } = this;
    if (!queue || !fresh.painted) return;
    const end = performance.now() + SLICE_MS;
    while (queue.length > 0 && performance.now() < end) this.paintBatch(queue, fresh.painted.scale);
    const isDone = queue.length === 0;
    if (isDone) this.queue = null;
    if (isDone || !this.isWhole) this.shown.copy(fresh);
    this.isWhole ||= isDone;
  }

  /** Paint some masks and wait until they are on the sheet: canvases draw late, and a slice must know its true cost. */
  private paintBatch(queue: PaintedMask[], scale: number): void {
    const start = performance.now();
    const { context } = this.fresh;
    const at = { paths: this.paths, scale, isCrowded: this.isCrowded };
    for (let i = 0; i < this.batch; i++) {
      const next = queue.pop();
      if (next) drawMask(context, next.mask, next.style, at);
    }
    context.getImageData(0, 0, 1, 1);
    const took = performance.now() - start;
    if (took < SLICE_MS / 3) this.batch = Math.min(this.batch * 2, 512);
    else if (took > SLICE_MS) this.batch = Math.max(this.batch >> 1, 4);
  }
}

function stageBox(view: Viewport): BoxXyxy {
  const x0 = -view.offsetX / view.scale;
  const y0 = -view.offsetY / view.scale;
  return { x0, y0, x1: x0 + view.canvas.width / view.scale, y1: y0 + view.canvas.height / view.scale };
}

function growBox(box: BoxXyxy, by: number): BoxXyxy {
  return { x0: box.x0 - by, y0: box.y0 - by, x1: box.x1 + by, y1: box.y1 + by };
}

/** A mask's box with its outline, up to whole pixels of the screen, so that a patch leaves no seam. */
function growToPixels(box: BoxXyxy, view: Viewport): BoxXyxy {
  const grid = view.scale * devicePixelRatio;
  const snap = (value: number, offset: number, round: (value: number) => number): number => {
    const shift = (offset + MARGIN_PX) * devicePixelRatio;
    return (round(value * grid + shift) - shift) / grid;
  };
  const grown = growBox(box, REACH_PX / view.scale);
  return {
    x0: snap(grown.x0, view.offsetX, Math.floor),
    y0: snap(grown.y0, view.offsetY, Math.floor),
    x1: snap(grown.x1, view.offsetX, Math.ceil),
    y1: snap(grown.y1, view.offsetY, Math.ceil),
  };
}
