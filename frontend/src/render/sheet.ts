/**
 * A canvas somewhat larger than the stage that holds a picture made for one view. While the view moves the browser's
 * compositor moves the sheet, which costs no drawing; once it rests a new picture is made.
 *
 * Knows nothing of what is on it.
 */
import type { Size } from "../geometry/types";
import { visibleBox, type Viewport } from "../geometry/viewport";

/** What is painted beyond each edge of the stage, in CSS pixels, so that short ways of panning show no bare edge. */
export const MARGIN_PX = 128;

export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly ratio: number;
}

/** How a sheet that was painted for one view must be moved and scaled to fit another. */
export function placementFor(painted: Viewport, view: Viewport): Placement {
  const ratio = view.scale / painted.scale;
  return {
    left: view.offsetX + MARGIN_PX - (painted.offsetX + MARGIN_PX) * ratio,
    top: view.offsetY + MARGIN_PX - (painted.offsetY + MARGIN_PX) * ratio,
    ratio,
  };
}

/** Whether a sheet that was painted for one view shows all that another one can see of the photo. */
export function coversView(painted: Viewport, view: Viewport): boolean {
  if (painted.image !== view.image || !isSameSize(painted.canvas, view.canvas)) return false;
  const seen = visibleBox(view);
  const margin = MARGIN_PX / painted.scale;
  const x0 = -painted.offsetX / painted.scale - margin;
  const y0 = -painted.offsetY / painted.scale - margin;
  const x1 = x0 + painted.canvas.width / painted.scale + margin * 2;
  const y1 = y0 + painted.canvas.height / painted.scale + margin * 2;
  return seen.x0 >= Math.floor(x0) && seen.y0 >= Math.floor(y0) && seen.x1 <= Math.ceil(x1) && seen.y1 <= Math.ceil(y1);
}

function isSameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

export class Sheet {
  readonly context: CanvasRenderingContext2D;
  /** The view that the picture was made for; null while there is none. */
  painted: Viewport | null = null;

  constructor(
    readonly canvas: HTMLCanvasElement,
    options: CanvasRenderingContext2DSettings = {},
  ) {
    const context = canvas.getContext("2d", options);
    if (!context) throw new Error("This browser gives no 2D canvas.");
    this.context = context;
    const { style } = canvas;
    style.left = style.top = `${-MARGIN_PX}px`;
    style.transformOrigin = "0 0";
    style.willChange = "transform";
  }

  /** Begin a new picture: an empty sheet in image space, in its place. */
  begin(view: Viewport): void {
    const { canvas } = this;
    const width = view.canvas.width + MARGIN_PX * 2;
    const height = view.canvas.height + MARGIN_PX * 2;
    const [columns, rows] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
    if (canvas.width !== columns || canvas.height !== rows) {
      canvas.width = columns;
      canvas.height = rows;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    this.painted = view;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, columns, rows);
    this.useImageSpace();
    this.moveTo(view);
  }

  /** Draw in the pixels of the photo from here on. */
  useImageSpace(): void {
    if (!this.painted) return;
    const { scale, offsetX, offsetY } = this.painted;
    const toDevice = devicePixelRatio;
    this.context.setTransform(
      scale * toDevice,
      0,
      0,
      scale * toDevice,
      (offsetX + MARGIN_PX) * toDevice,
      (offsetY + MARGIN_PX) * toDevice,
    );
  }

  /** Move the picture to where a view wants it; a picture of another photo is taken away. */
  moveTo(view: Viewport): void {
    const { style } = this.canvas;
    const isOther = this.painted?.image !== view.image;
    style.visibility = isOther ? "hidden" : "";
    if (!this.painted || isOther) return;
    const { left, top, ratio } = placementFor(this.painted, view);
    const [x, y] = ratio === 1 ? [toDevicePixels(left), toDevicePixels(top)] : [left, top];
    style.transform = this.painted === view ? "" : `translate(${x}px, ${y}px) scale(${ratio})`;
  }

  /** Take over what another sheet shows. */
  copy(other: Sheet): void {
    if (!other.painted) return;
    this.begin(other.painted);
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.drawImage(other.canvas, 0, 0);
    this.useImageSpace();
  }
}

/** A picture that is moved by whole pixels stays sharp. */
function toDevicePixels(length: number): number {
  return Math.round(length * devicePixelRatio) / devicePixelRatio;
}
