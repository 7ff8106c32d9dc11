/** Draws only when something is dirty: one animation frame for all layers, none while nothing changes. */

export interface Layer {
  /** Draw; return true when more frames are wanted (an animation, or work cut into slices). */
  draw(timeMs: number): boolean;
}

/** A page that has made no frame for so long makes none. */
const NO_FRAME_MS = 200;

export class FrameLoop {
  private readonly dirty = new Set<Layer>();
  private request = 0;

  mark(layer: Layer): void {
    this.dirty.add(layer);
    if (this.request === 0) this.request = requestAnimationFrame((time) => this.run(time));
  }

  stop(): void {
    cancelAnimationFrame(this.request);
    this.request = 0;
    this.dirty.clear();
  }

  private run(timeMs: number): void {
    this.request = 0;
    const layers = [...this.dirty];
    this.dirty.clear();
    for (const layer of layers) if (layer.draw(timeMs)) this.mark(layer);
  }
}

/** Settles once the next frame has been handed over; soon where no frames are made, as in a tab in the background. */
export function afterPaint(): Promise<void> {
  return new Promise((resolve) => {
    const impatient = setTimeout(resolve, NO_FRAME_MS);
    // A message comes after the frame of the callback that sent it, a promise would still be in it.
    requestAnimationFrame(() => {
      clearTimeout(impatient);
      setTimeout(resolve);
    });
  });
}
