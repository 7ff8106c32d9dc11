/** A canvas that follows its element's size and the screen's pixel density. */
import type { Size } from "../geometry/types";
import type { Viewport } from "../geometry/viewport";

export class Surface {
  readonly context: CanvasRenderingContext2D;
  private density = 1;

  constructor(readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("This browser gives no 2D canvas.");
    this.context = context;
  }

  /** Match a size in CSS pixels; clears the canvas when anything changed, and says whether it did. */
  resize(size: Size, density: number): boolean {
    const width = Math.round(size.width * density);
    const height = Math.round(size.height * density);
    this.density = density;
    if (this.canvas.width === width && this.canvas.height === height) return false;
    this.canvas.width = width;
    this.canvas.height = height;
    return true;
  }

  clear(): void {
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** Draw in CSS pixels from here on. */
  useScreenSpace(): void {
    this.context.setTransform(this.density, 0, 0, this.density, 0, 0);
  }

  /** Draw in image pixels from here on. */
  useImageSpace(view: Viewport): void {
    const scale = view.scale * this.density;
    this.context.setTransform(scale, 0, 0, scale, view.offsetX * this.density, view.offsetY * this.density);
  }
}
