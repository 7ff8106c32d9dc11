/** The canvases and the view: opens photos, moves the viewport, marks layers dirty. */
import type { ImageDetail } from "../../api/wire";
import { imagePoint, screenPoint, type BoxXyxy, type ScreenPoint, type Size } from "../../geometry/types";
import {
  fitViewport,
  panBy,
  resizeCanvas,
  showBox,
  toScreen,
  visibleBox,
  zoomAt,
  type Viewport,
} from "../../geometry/viewport";
import { cssColor, type Rgb } from "../../model/colors";
import type { MaskRecord } from "../../model/mask-record";
import { watchSize } from "../../platform/sizes";
import { FrameLoop } from "../../render/frame-loop";
import { MaskLayer } from "../../render/mask-layer";
import { MaskPaths } from "../../render/mask-paths";
import { OverlayLayer } from "../../render/overlay-layer";
import { PhotoLayer, type PhotoSource } from "../../render/photo-layer";
import { Surface } from "../../render/surface";
import type { Stores } from "../state/stores";
import type { SceneMaker } from "./scene";

export interface Canvases {
  readonly stage: HTMLElement;
  readonly photo: HTMLCanvasElement;
  readonly masks: HTMLCanvasElement;
  readonly overlay: HTMLCanvasElement;
}

export class Viewing {
  private readonly loop = new FrameLoop();
  private readonly surface: Surface;
  private readonly photo: PhotoLayer;
  private readonly masks: MaskLayer;
  private readonly overlay: OverlayLayer;
  private readonly paths = new MaskPaths();
  private readonly unwatch: () => void;
  private isFitted = true;

  constructor(
    private readonly canvases: Canvases,
    private readonly stores: Stores,
    scene: SceneMaker,
    private readonly onViewChanged: () => void,
  ) {
    this.surface = new Surface(canvases.overlay);
    const getView = (): Viewport => stores.view.get();
    this.photo = new PhotoLayer(canvases.photo, getView, () => this.loop.mark(this.photo));
    this.masks = new MaskLayer(canvases.masks, this.paths, getView, () => scene.paintedMasks());
    this.overlay = new OverlayLayer(this.surface, this.paths, getView, () => scene.overlay());
    this.unwatch = watchSize(canvases.stage, () => this.follow());
  }

  async open(detail: ImageDetail, preloaded?: HTMLImageElement): Promise<void> {
    const image = { width: detail.width, height: detail.height };
    this.setView(fitViewport(image, this.canvasSize()));
    this.isFitted = true;
    this.masksChanged();
    await this.photo.open(photoSource(detail), preloaded);
    // Pictures of masks that were listed before the photo was there are drawn now.
    this.stores.image.update((shown) => shown && { ...shown });
  }

  /** Saved masks or their looks changed. */
  masksChanged(): void {
    this.masks.invalidate();
    this.loop.mark(this.masks);
    this.loop.mark(this.overlay);
  }

  overlayChanged(): void {
    this.loop.mark(this.overlay);
  }

  photoLookChanged(): void {
    const { brightness, contrast } = this.stores.settings.get();
    this.canvases.photo.style.filter =
      brightness === 1 && contrast === 1 ? "" : `brightness(${brightness}) contrast(${contrast})`;
  }

  pan(dx: number, dy: number): void {
    this.isFitted = false;
    this.setView(panBy(this.stores.view.get(), dx, dy));
  }

  zoom(anchor: ScreenPoint, factor: number): void {
    this.isFitted = false;
    this.setView(zoomAt(this.stores.view.get(), anchor, factor));
  }

  zoomAtMiddle(factor: number): void {
    const { canvas } = this.stores.view.get();
    this.zoom(screenPoint(canvas.width / 2, canvas.height / 2), factor);
  }

  fit(): void {
    const { image, canvas } = this.stores.view.get();
    this.isFitted = true;
    this.setView(fitViewport(image, canvas));
  }

  showBox(box: BoxXyxy): void {
    this.isFitted = false;
    this.setView(showBox(this.stores.view.get(), box));
  }

  /** Bring a box into view where it is not; the zoom stays as it is where it allows that. */
  reveal(box: BoxXyxy): void {
    const view = this.stores.view.get();
    const seen = visibleBox(view);
    const isSeen = box.x0 >= seen.x0 && box.y0 >= seen.y0 && box.x1 <= seen.x1 && box.y1 <= seen.y1;
    if (isSeen) return;
    const fits = box.x1 - box.x0 <= seen.x1 - seen.x0 && box.y1 - box.y0 <= seen.y1 - seen.y0;
    if (!fits) this.showBox(box);
    else {
      const middle = toScreen(view, imagePoint((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2));
      this.pan(view.canvas.width / 2 - middle.x, view.canvas.height / 2 - middle.y);
    }
  }

  /** The photo as it was loaded, up to 2,048 px long; null until then. */
  get picture(): HTMLImageElement | null {
    return this.photo.previewImage;
  }

  /** A small picture of a mask in its surroundings. */
  thumbnail(canvas: HTMLCanvasElement, record: MaskRecord, color: Rgb): void {
    const context = canvas.getContext("2d");
    const photo = this.picture;
    if (!context || !photo) return;
    const { x0, y0, x1, y1 } = record.bounds;
    const side = Math.max(x1 - x0, y1 - y0, 8) * 1.25;
    const left = (x0 + x1 - side) / 2;
    const top = (y0 + y1 - side) / 2;
    const share = photo.naturalWidth / this.stores.view.get().image.width;
    const scale = canvas.width / side;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(photo, left * share, top * share, side * share, side * share, 0, 0, canvas.width, canvas.height);
    context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
    const path = this.paths.pathOf(record.mask, scale);
    context.fillStyle = cssColor(color, 0.45);
    context.fill(path);
    context.lineWidth = 2 / scale;
    context.strokeStyle = cssColor(color);
    context.stroke(path);
  }

  close(): void {
    this.unwatch();
    this.loop.stop();
  }

  private follow(): void {
    const size = this.canvasSize();
    this.surface.resize(size, devicePixelRatio);
    const view = this.stores.view.get();
    this.setView(this.isFitted ? fitViewport(view.image, size) : resizeCanvas(view, size));
  }

  private canvasSize(): Size {
    const { clientWidth, clientHeight } = this.canvases.stage;
    return { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1) };
  }

  private setView(view: Viewport): void {
    this.stores.view.set(view);
    for (const layer of [this.photo, this.masks, this.overlay]) this.loop.mark(layer);
    this.onViewChanged();
  }
}

export function photoSource(detail: ImageDetail): PhotoSource {
  const { preview, tiles } = detail;
  return {
    size: { width: detail.width, height: detail.height },
    preview: { url: preview.url, size: preview },
    tiles: tiles && { tileSize: tiles.tile_size, levels: tiles.levels, urlTemplate: tiles.url_template },
  };
}
