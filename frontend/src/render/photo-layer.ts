/**
 * The photo: its preview at once, and tiles of the level that the zoom needs on top as they arrive.
 *
 * Keeps a bounded number of decoded tiles. Knows the addresses it is given and nothing else of the network.
 */
import type { Size } from "../geometry/types";
import { visibleBox, type Viewport } from "../geometry/viewport";
import type { Layer } from "./frame-loop";
import { coversView, Sheet } from "./sheet";

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
/** A picture that is stretched further than this while one zooms is drawn anew. */
const MOST_STRETCH = 2;

export class PhotoLayer implements Layer {
  private source: PhotoSource | null = null;
  private preview: HTMLImageElement | null = null;
  private readonly tiles = new Map<string, HTMLImageElement>();
  private readonly sheet: Sheet;
  private isStale = true;
  private isCoarse = false;
  private lastView: Viewport | null = null;
  private viewChangedMs = -Infinity;

  constructor(
    canvas: HTMLCanvasElement,
    private readonly getView: () => Viewport,
    private readonly onArrival: () => void,
  ) {
    this.sheet = new Sheet(canvas);
  }

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
    this.arrive();
  }

  /** The decoded preview, for thumbnails of masks. */
  get previewImage(): HTMLImageElement | null {
    return this.preview;
  }

  draw(timeMs: number): boolean {
    const view = this.getView();
    const isMoving = this.noteView(view, timeMs);
    const isGood = !this.isStale && (isMoving ? this.canShow(view) : this.sheet.painted === view && !this.isCoarse);
    if (!isGood) this.paint(view, isMoving);
    this.sheet.moveTo(view);
    return isMoving;
  }

  private arrive(): void {
    this.isStale = true;
    this.onArrival();
  }

  /** Whether the picture, moved and scaled, is good enough while the view moves. */
  private canShow(view: Viewport): boolean {
    const { painted } = this.sheet;
    if (!painted || !coversView(painted, view)) return false;
    const ratio = view.scale / painted.scale;
    return ratio < MOST_STRETCH && ratio > 1 / MOST_STRETCH;
  }

  private paint(view: Viewport, isMoving: boolean): void {
    this.isStale = false;
    this.isCoarse = isMoving;
    this.sheet.begin(view);
    if (!this.source || !this.preview) return;
    const { context } = this.sheet;
    context.imageSmoothingEnabled = view.scale < 3;
    // Good scaling costs a processor many times what quick scaling does, and nobody sees it in motion.
    context.imageSmoothingQuality = isMoving ? "low" : "medium";
    context.drawImage(this.preview, 0, 0, this.source.size.width, this.source.size.height);
    if (this.source.tiles) this.drawTiles(this.source, this.source.tiles, view);
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
    const wanted = view.scale * devicePixelRatio;
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
    const { context } = this.sheet;
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
    image.addEventListener("load", () => this.arrive(), { once: true });
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
