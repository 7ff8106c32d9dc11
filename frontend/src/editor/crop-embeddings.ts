/**
 * More embeddings of the photo. Of the part one has zoomed in on: asked for once the view rests, used when ready, never
 * waited for, and snapped to a grid, so that small pans ask for nothing new. Of the whole photo in a mirror, and of the
 * part around a small answer, both ways: for closer looks (closer-look.ts).
 */
import type { WorkspaceApi } from "../api/workspace-api";
import { sameBox, type BoxXyxy, type Prompt, type Size } from "../geometry/types";
import { fitViewport, visibleBox, type Viewport } from "../geometry/viewport";
import type { EmbeddingSource, Look } from "./decoder-port";

/** Against the whole photo on the screen: beyond this a crop shows the model at least twice the detail. */
const FROM_ZOOM = 2;
const REST_MS = 700;
/** A worker with nothing else to do takes a quarter of a second; one that has, a while. */
const POLLS_MS = [100, 100, 100, 150, 200, 300, 500] as const;
const POLL_MS = 1_000;
const PATIENCE_MS = 60_000;
/** A mask that has been looked at for longer is not changed any more. */
const LOOK_PATIENCE_MS = 8_000;
const LOOKS_KEPT = 32;
const GRID_SHARE = 1 / 16;
const LEAST_SIDE_PX = 64;

export class CropEmbeddings {
  private readonly ready: EmbeddingSource[] = [];
  private readonly looked: EmbeddingSource[] = [];
  private readonly asked = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private view: Viewport | null = null;
  private isClosed = false;

  constructor(
    private readonly imageId: number,
    private readonly size: Size,
    private readonly api: WorkspaceApi,
    private readonly onReady: (source: EmbeddingSource) => void,
  ) {}

  /** The view has moved; once it rests, its crop is asked for. */
  noteView(view: Viewport): void {
    this.view = view;
    clearTimeout(this.timer);
    if (cropFor(view)) this.timer = setTimeout(() => void this.ask(), REST_MS);
  }

  /** The smallest crop that holds all prompts while zoomed in; null: use the whole photo's embedding. */
  sourceFor(prompts: readonly Prompt[]): EmbeddingSource | null {
    if (!this.view || !cropFor(this.view)) return null;
    const fitting = this.ready.filter(({ cropBox }) => holdsAll(cropBox, prompts));
    return fitting.reduce<EmbeddingSource | null>((best, next) => (area(next) < area(best) ? next : best), null);
  }

  /** The embedding of what is to be looked at; null when it does not come in good time, or not at all. */
  async lookAt({ part, isMirrored }: Look, signal?: AbortSignal): Promise<EmbeddingSource | null> {
    const known = this.looked.find((one) => one.isMirrored === isMirrored && sameBox(one.cropBox, part));
    if (known) return known;
    const source = await this.waitFor(part, { isMirrored, patienceMs: LOOK_PATIENCE_MS, signal });
    if (!source) return null;
    // The photo's own serves every object; it stays.
    if (this.looked.length >= LOOKS_KEPT) this.looked.splice(this.looked[0].cropBox ? 0 : 1, 1);
    this.looked.push(source);
    return source;
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
  }

  private async ask(): Promise<void> {
    const box = this.view && cropFor(this.view);
    const name = box && [box.x0, box.y0, box.x1, box.y1].join("_");
    if (!box || !name || this.asked.has(name)) return;
    this.asked.add(name);
    try {
      const source = await this.waitFor(box, { isMirrored: false, patienceMs: PATIENCE_MS });
      if (!source) return;
      this.ready.push(source);
      this.onReady(source);
    } catch {
      // The finer embedding is an extra: without it the whole photo's serves, and a later rest may ask again.
      this.asked.delete(name);
    }
  }

  private async waitFor(
    part: BoxXyxy | null,
    { isMirrored, patienceMs, signal }: Waiting,
  ): Promise<EmbeddingSource | null> {
    const box = part ?? { x0: 0, y0: 0, x1: this.size.width, y1: this.size.height };
    const until = performance.now() + patienceMs;
    for (let poll = 0; performance.now() < until && !this.isClosed && !signal?.aborted; poll++) {
      const crop = await this.api.cropEmbedding(this.imageId, box, isMirrored);
      if (crop.status === "failed") return null;
      if (crop.status === "ready" && crop.url !== null) {
        return { url: crop.url, key: crop.key, cropBox: part, isMirrored, imageId: this.imageId };
      }
      const pause = POLLS_MS[poll] ?? POLL_MS;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return null;
  }
}

interface Waiting {
  readonly isMirrored: boolean;
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

/** The crop to encode for a view; null when the whole photo shows the model enough. */
export function cropFor(view: Viewport): BoxXyxy | null {
  const { image } = view;
  if (view.scale <= fitViewport(image, view.canvas).scale * FROM_ZOOM) return null;
  const seen = visibleBox(view);
  const step = Math.max(Math.round(Math.max(image.width, image.height) * GRID_SHARE), 1);
  const box = {
    x0: Math.floor(seen.x0 / step) * step,
    y0: Math.floor(seen.y0 / step) * step,
    x1: Math.min(Math.ceil(seen.x1 / step) * step, image.width),
    y1: Math.min(Math.ceil(seen.y1 / step) * step, image.height),
  };
  const isLarge = box.x1 - box.x0 >= LEAST_SIDE_PX && box.y1 - box.y0 >= LEAST_SIDE_PX;
  const isSmaller = Math.max(box.x1 - box.x0, box.y1 - box.y0) <= Math.max(image.width, image.height) / FROM_ZOOM;
  return isLarge && isSmaller ? box : null;
}

/** Whether all prompts lie in a part of the photo; all of it (null) holds every one. */
export function holdsAll(part: BoxXyxy | null, prompts: readonly Prompt[]): boolean {
  return part === null || prompts.every((prompt) => holds(part, prompt));
}

function holds(box: BoxXyxy, prompt: Prompt): boolean {
  const inside = (x: number, y: number): boolean => x >= box.x0 && y >= box.y0 && x <= box.x1 && y <= box.y1;
  if (prompt.kind === "point") return inside(prompt.point.x, prompt.point.y);
  return inside(prompt.box.x0, prompt.box.y0) && inside(prompt.box.x1, prompt.box.y1);
}

function area(source: EmbeddingSource | null): number {
  const box = source?.cropBox;
  return box ? (box.x1 - box.x0) * (box.y1 - box.y0) : Infinity;
}
