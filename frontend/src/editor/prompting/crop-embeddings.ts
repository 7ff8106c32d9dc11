/**
 * More embeddings of the photo, which take part in answers once they are there: the photo flipped, the tile under the
 * pointer, the part one has zoomed in on, and what somebody asks for to sharpen a mask. Only that one is waited for.
 */
import type { WorkspaceApi } from "../../api/workspace-api";
import { sameBox, type BoxXyxy, type ImagePoint, type Prompt, type Size } from "../../geometry/types";
import { fitViewport, visibleBox, type Viewport } from "../../geometry/viewport";
import type { EmbeddingRef } from "../../model/embedding-views";

/** Against the whole photo on the screen: beyond this a crop shows the model at least twice the detail. */
const FROM_ZOOM = 2;
/** The view has come to rest; the pointer stays with what it is over. */
const REST_MS = { view: 700, pointer: 150 } as const;
/** A worker with nothing else to do takes a quarter of a second; one that has, a while. */
const POLLS_MS = [100, 100, 100, 150, 200, 300, 500] as const;
const POLL_MS = 1_000;
const PATIENCE_MS = 60_000;
/** Somebody waits for a sharpened mask. */
export const SHARPEN_PATIENCE_MS = 8_000;
/** Tiles are 16 at most; a crop takes a megabyte of the browser's cache. */
const MOST_KEPT = 48;
const GRID_SHARE = 1 / 16;
const LEAST_SIDE_PX = 64;

export interface Crop {
  /** Null is the whole photo. */
  readonly box: BoxXyxy | null;
  readonly isFlipped: boolean;
}

export class CropEmbeddings {
  /** What there is, the latest last. */
  private known: EmbeddingRef[] = [];
  private readonly asked = new Set<string>();
  private readonly timers: { view?: ReturnType<typeof setTimeout>; pointer?: ReturnType<typeof setTimeout> } = {};
  private isClosed = false;

  constructor(
    private readonly imageId: number,
    private readonly size: Size,
    private readonly ask: (box: BoxXyxy, isFlipped: boolean) => ReturnType<WorkspaceApi["cropEmbedding"]>,
    private readonly onReady: (source: EmbeddingRef) => void,
  ) {}

  /** The view has moved; once it rests, its crop is asked for. */
  noteView(view: Viewport): void {
    this.onRest("view", () => cropFor(view));
  }

  /** The pointer has moved; once it rests, the tile that lies most about it is asked for. */
  notePointer(point: ImagePoint, tiles: readonly BoxXyxy[]): void {
    this.onRest("pointer", () => tileAt(point, tiles));
  }

  /** Ask for a crop ahead of its use; a failure leaves answers without it. */
  prepare(crop: Crop): void {
    const name = nameOf(crop);
    if (this.asked.has(name)) return;
    this.asked.add(name);
    // Without it the whole photo's embedding serves; a later rest may ask again.
    this.fetch(crop, PATIENCE_MS).catch(() => this.asked.delete(name));
  }

  /** The embedding of a crop; null when it does not come in good time, or not at all. */
  async fetch({ box, isFlipped }: Crop, patienceMs: number, signal?: AbortSignal): Promise<EmbeddingRef | null> {
    const found = this.known.find((one) => one.isFlipped === isFlipped && sameBox(one.cropBox, box));
    if (found) return found;
    const asked = box ?? { x0: 0, y0: 0, x1: this.size.width, y1: this.size.height };
    const until = performance.now() + patienceMs;
    for (let poll = 0; performance.now() < until && !this.isClosed && !signal?.aborted; poll++) {
      const crop = await this.ask(asked, isFlipped);
      if (crop.status === "failed") return null;
      if (crop.status === "ready" && crop.url !== null) {
        return this.keep({ url: crop.url, key: crop.key, cropBox: box, isFlipped, imageId: this.imageId });
      }
      const pause = POLLS_MS[poll] ?? POLL_MS;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return null;
  }

  /** What may take part in the answer to prompts: the photo flipped, and crops that hold them all. */
  viewsFor(prompts: readonly Prompt[]): readonly EmbeddingRef[] {
    return this.known.filter(({ cropBox }) => holdsAll(cropBox, prompts));
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timers.view);
    clearTimeout(this.timers.pointer);
  }

  private onRest(what: "view" | "pointer", boxOf: () => BoxXyxy | null): void {
    clearTimeout(this.timers[what]);
    if (!boxOf()) return;
    this.timers[what] = setTimeout(() => {
      const box = boxOf();
      if (box) this.prepare({ box, isFlipped: false });
    }, REST_MS[what]);
  }

  private keep(source: EmbeddingRef): EmbeddingRef {
    // The photo's flip serves every object; it stays.
    if (this.known.length >= MOST_KEPT) this.known.splice(this.known[0].cropBox ? 0 : 1, 1);
    this.known.push(source);
    this.onReady(source);
    return source;
  }
}

function nameOf({ box, isFlipped }: Crop): string {
  return [box ? [box.x0, box.y0, box.x1, box.y1].join("_") : "all", isFlipped].join();
}

/** The tile that a point lies deepest in; null for none. */
function tileAt({ x, y }: ImagePoint, tiles: readonly BoxXyxy[]): BoxXyxy | null {
  const depth = ({ x0, y0, x1, y1 }: BoxXyxy): number =>
    Math.min((x - x0) / (x1 - x0), (x1 - x) / (x1 - x0), (y - y0) / (y1 - y0), (y1 - y) / (y1 - y0));
  const best = tiles.reduce<BoxXyxy | null>((most, tile) => (most && depth(most) >= depth(tile) ? most : tile), null);
  return best && depth(best) > 0 ? best : null;
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
