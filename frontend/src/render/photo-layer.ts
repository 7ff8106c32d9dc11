/**
 * The photo: its preview at once, and tiles of the level that the zoom needs on top as they arrive.
 *
 * Keeps a bounded number of decoded tiles. Knows the addresses it is given and nothing else of the network.
 */
import type { Size } from "../geometry/types";
import { visibleBox, type Viewport } from "../geometry/viewport";
import type { Layer } from "./frame-loop";
import type { Surface } from "./surface";

export interface PhotoSource {
  readonly size: Size;
  readonly preview: { readonly url: string; readonly size: Size };
  readonly tiles: TileSource | null;
}

export interface TileSource {
  readonly tileSize: number;
  readonly levels: readonly { readonly level: number; readonly width: number; readonly height: number }[];
  readonly urlTemplate: string;
}

type TileLevel = TileSource["levels"][number];
/** 128 tiles of 512 x 512 are 128 MB of pixels, and two screens of 4K. */
const MAX_TILES = 128;
/** How long the view must rest before the photo is drawn at its best. */
const REST_MS = 90;

export class PhotoLayer implements Layer {
  private source: PhotoSource | null = null;
  private preview: HTMLImageElement | null = null;
  private readonly tiles = new Map<string, HTMLImageElement>();
  private lastView: Viewport | null = null;
  private viewChangedMs = -Infinity;

  constructor(
    private readonly surface: Surface,
    private readonly getView: () => Viewport,
    private readonly onArrival: () => void,
  ) {}

  /** Show a photo; resolves when its preview can be seen. Rejects when it cannot be loaded. */
  async open(source: PhotoSource, preloaded?: HTMLImageElement): Promise<void> {
    this.source = source;
    this.preview = null;
    this.tiles.clear();
    const image = preloaded ?? new Image();
    if (!preloaded) image.src = source.preview.url;
    await image.decode();
    if (this.source !== source) return;
    this.preview = image;
    this.onArrival();
  }

  /** The decoded preview, for thumbnails of masks. */
  get previewImage(): HTMLImageElement | null {
    return this.preview;
  }

  draw(timeMs: number): boolean {
    const view = this.getView();
    const isMoving = this.noteView(view, timeMs);
    this.surface.clear();
    if (!this.source || !this.preview) return false;
    this.surface.useImageSpace(view);
    const { context } = this.surface;
    context.imageSmoothingEnabled = view.scale < 3;
    // Good scaling costs a processor many times what quick scaling does, and nobody sees it in motion.
    context.imageSmoothingQuality = isMoving ? "low" : "medium";
    context.drawImage(this.preview, 0, 0, this.source.size.width, this.source.size.height);
    if (this.source.tiles) this.drawTiles(this.source, this.source.tiles, view);
    return isMoving;
  }

  /** True while the view is still being moved. */
  private noteView(view: Viewport, timeMs: number): boolean {
    if (view !== this.lastView) {
      this.lastView = view;
      this.viewChangedMs = timeMs;
    }
    return timeMs - this.viewChangedMs < REST_MS;
  }

  private drawTiles(source: PhotoSource, tiles: TileSource, view: Viewport): void {
    const density = this.surface.canvas.width / Math.max(view.canvas.width, 1);
    const wanted = view.scale * density;
    if (wanted <= source.preview.size.width / source.size.width) return;
    const level = pickLevel(tiles.levels, source.size.width, wanted);
    const factor = source.size.width / level.width;
    const box = visibleBox(view);
    const span = tiles.tileSize * factor;
    for (let y = Math.floor(box.y0 / span); y * span < box.y1; y++) {
      for (let x = Math.floor(box.x0 / span); x * span < box.x1; x++) this.drawTile(tiles, level, { x, y, factor });
    }
  }

  private drawTile(tiles: TileSource, level: TileLevel, at: { x: number; y: number; factor: number }): void {
    if (at.x * tiles.tileSize >= level.width || at.y * tiles.tileSize >= level.height) return;
    const image = this.tile(tiles, level.level, at.x, at.y);
    if (!image.complete || image.naturalWidth === 0) return;
    const left = at.x * tiles.tileSize * at.factor;
    const top = at.y * tiles.tileSize * at.factor;
    const { context } = this.surface;
    context.drawImage(image, left, top, image.naturalWidth * at.factor, image.naturalHeight * at.factor);
  }

  private tile(tiles: TileSource, level: number, x: number, y: number): HTMLImageElement {
    const url = tileUrl(tiles.urlTemplate, level, x, y);
    const kept = this.tiles.get(url);
    this.tiles.delete(url);
    const image = kept ?? this.requestTile(url);
    this.tiles.set(url, image);
    if (this.tiles.size > MAX_TILES) this.tiles.delete([...this.tiles.keys()][0]);
    return image;
  }

  private requestTile(url: string): HTMLImageElement {
    const image = new Image();
    image.decoding = "async";
    // A tile that fails leaves the preview visible in its place, which is all that can be done.
    image.addEventListener("load", () => this.onArrival(), { once: true });
    image.src = url;
    return image;
  }
}

export function tileUrl(template: string, level: number, x: number, y: number): string {
  return template.replace("{level}", String(level)).replace("{x}", String(x)).replace("{y}", String(y));
}

/** The smallest level that still has a pixel for each of the screen's. */
export function pickLevel(levels: readonly TileLevel[], width: number, wantedScale: number): TileLevel {
  const byWidth = [...levels].sort((a, b) => a.width - b.width);
  return byWidth.find((level) => level.width >= width * wantedScale) ?? byWidth[byWidth.length - 1];
}
