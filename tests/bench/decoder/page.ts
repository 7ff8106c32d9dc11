/** The benchmark's page: graphs timed in a worker, clicks timed through the workspace's own code until they are painted. */
import { browserDecoder } from "../../../frontend/src/editor/prompting/browser-decoder";
import type { Decoder } from "../../../frontend/src/editor/prompting/decoder-port";
import { Prompting } from "../../../frontend/src/editor/prompting/prompting";
import { warmUpPainting } from "../../../frontend/src/editor/prompting/warm-up-painting";
import { imagePoint, screenPoint, type BoxXyxy, type Size } from "../../../frontend/src/geometry/types";
import { fitViewport, toImage, type Viewport } from "../../../frontend/src/geometry/viewport";
import type { DecoderClient, EngineInfo } from "../../../frontend/src/inference/protocol/types";
import { createDecoderClient } from "../../../frontend/src/inference/client/page-decoder";
import decoderWorker from "../../../frontend/src/inference/worker/decoder-worker.ts?worker&url";
import type { LocalEngine } from "../../../frontend/src/inference/protocol/messages";
import { MaskDocument } from "../../../frontend/src/model/document";
import { History } from "../../../frontend/src/model/history";
import { afterPaint, FrameLoop, type Layer } from "../../../frontend/src/render/frame-loop";
import { detailStep, samplingStep, MaskPaths } from "../../../frontend/src/render/mask-paths";
import { OverlayLayer, type OverlayScene } from "../../../frontend/src/render/overlay-layer";
import { Surface } from "../../../frontend/src/render/surface";

const PHOTO: Size = { width: 4000, height: 3000 };
/** A tile of it, and a box that fits. */
const TILE: BoxXyxy = { x0: 0, y0: 0, x1: 1334, y1: 1000 };
const BOX: BoxXyxy = { x0: 400, y0: 300, x1: 700, y1: 600 };

function timeGraphs(engine: LocalEngine, rounds: number, hasPublished: boolean): Promise<unknown> {
  const worker = new Worker(new URL("./graph-worker.ts", import.meta.url), { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<{ result?: unknown; error?: string }>) => {
      worker.terminate();
      if (data.error) reject(new Error(data.error));
      else resolve(data.result);
    };
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ engine, rounds, hasPublished });
  });
}

interface Opened {
  readonly client: DecoderClient;
  readonly info: EngineInfo;
  readonly keyPrefix: string;
}

function createOnPage(): Promise<never> {
  return Promise.reject(new Error("The benchmark needs a worker."));
}

async function openClient(folder: string): Promise<Opened> {
  const client = createDecoderClient({ api: "/api/v1", csrf: "", workerUrl: decoderWorker, createOnPage, warmUpPainting });
  const info = await client.open(`/models/${folder}/manifest.json`);
  return { client, info, keyPrefix: `image-${info.modelVersion}-full-` };
}

/** As the workspace does when an image is opened. */
function openImage(opened: Opened, folder: string): void {
  for (const view of viewsOf(opened, folder)) opened.client.prefetch(view);
}

function decoderOf({ client, info }: Opened): Decoder {
  return browserDecoder(
    client,
    () => info,
    () => undefined,
  );
}

/** One file for every image: the tools that drive the browser keep a copy of each response, and that would be measured. */
function embedding(opened: Opened, folder: string, number: number) {
  return {
    key: `${opened.keyPrefix}${number}`,
    url: `/models/${folder}.npy`,
    imageId: 1,
    cropBox: null,
    isFlipped: false,
  };
}

/** The same file, taken for what the encoder makes of the photo flipped, and of a tile of it. */
function viewsOf(opened: Opened, folder: string) {
  const whole = embedding(opened, folder, 0);
  const flipped = { ...embedding(opened, folder, 1), isFlipped: true };
  return [whole, flipped, { ...embedding(opened, folder, 2), cropBox: TILE }];
}

/** Milliseconds of an answer to a box from the whole photo alone, and from it, its flip and a tile. */
async function timeViews(opened: Opened, folder: string, rounds: number): Promise<Record<string, number[]>> {
  const views = viewsOf(opened, folder);
  const times: Record<string, number[]> = { one: [], three: [] };
  for (let i = 0; i < 2 * rounds; i++) {
    const name = i % 2 ? "three" : "one";
    const asked = name === "one" ? views.slice(0, 1) : views;
    const prompts = [{ kind: "box", box: BOX }] as const;
    const question = {
      kind: "click",
      views: asked,
      originalSize: PHOTO,
      prompts,
      starts: [],
      before: null,
      step: 4,
      isUnhurried: true, // every view takes part, however long it takes
    } as const;
    const { decodeMs, decodedViews } = await opened.client.decode(question);
    if (decodedViews.length !== asked.length) throw new Error("a view took no part");
    times[name].push(decodeMs);
  }
  return times;
}

interface Painted {
  readonly clickToPaintMs: number;
  /** From the pointer event until the candidates are there. */
  readonly answerMs: number;
  /** The graph's share of it, in the worker. */
  readonly decodeMs: number;
  /** The mask as the screen shows it. */
  readonly maskMs: number;
  readonly paintMs: number;
  /** From the pointer event until the exact mask is in the document and can be saved. */
  readonly exactMs: number;
}

/** A workspace without panels: prompts on a canvas, one after the other. */
class Stage {
  private readonly canvas = document.querySelector<HTMLCanvasElement>("#view")!;
  private readonly view: Viewport = fitViewport(PHOTO, this.canvas);
  private readonly masks = new MaskDocument();
  private readonly prompting: Prompting;
  private readonly overlay: OverlayLayer;
  private readonly loop = new FrameLoop();
  private readonly layer: Layer = { draw: (timeMs) => this.draw(timeMs) };
  private paintMs = 0;
  private decodeMs = 0;
  private answeredAt = 0;
  private onShown = (): void => undefined;
  private onFailed: (error: unknown) => void = console.error;

  constructor(opened: Opened, folder: string) {
    this.overlay = new OverlayLayer(
      new Surface(this.canvas),
      new MaskPaths(),
      () => this.view,
      () => this.scene(),
    );
    this.prompting = new Prompting(
      {
        document: this.masks,
        history: new History(),
        decoder: decoderOf(opened),
        viewsFor: () => viewsOf(opened, folder),
        fetchCrop: () => Promise.resolve(null),
        onNothingSharper: () => undefined,
        detailStep: () => detailStep(this.view.scale),
        samplingStep: () => samplingStep(this.view.scale),
        afterPaint,
        onDecoded: (_kind, ms) => {
          this.answeredAt = performance.now();
          this.decodeMs = ms;
        },
        onShown: () => this.onShown(),
        onFailed: (error) => this.onFailed(error),
        onPreview: () => this.loop.mark(this.layer),
      },
      PHOTO,
    );
  }

  /** The next pointer event until its mask is painted (the commands of the frame are issued). */
  clickOnce(): Promise<Painted> {
    this.prompting.abandon();
    return new Promise((resolve, reject) => {
      this.onFailed = reject;
      const begin = (event: PointerEvent): void => {
        const start = event.timeStamp;
        this.onShown = () => {
          const madeAt = performance.now();
          const { answeredAt, decodeMs } = this;
          const times = { answerMs: answeredAt - start, decodeMs, maskMs: madeAt - answeredAt };
          // Asked for after the layers asked for theirs, so it runs once they have drawn this frame.
          requestAnimationFrame(() => {
            const painted = { ...times, clickToPaintMs: performance.now() - start, paintMs: this.paintMs };
            const stop = this.prompting.isDecoding.subscribe(() => {
              stop();
              const exactMs = performance.now() - start;
              resolve({ ...painted, exactMs });
            });
          });
        };
        this.prompting.addPoint(toImage(this.view, screenPoint(event.offsetX, event.offsetY)), 1);
      };
      this.canvas.addEventListener("pointerdown", begin, { once: true });
    });
  }

  private draw(timeMs: number): boolean {
    const start = performance.now();
    const wantsMore = this.overlay.draw(timeMs);
    this.paintMs = performance.now() - start;
    return wantsMore;
  }

  private scene(): OverlayScene {
    const { draft } = this.masks;
    const shown = this.prompting.sampled ?? (draft?.mask ? { mask: draft.mask, step: 1 } : null);
    const nothing = { hover: null, hovered: null, selected: [], strays: [], box: null, path: null, brush: null };
    const color = [0, 114, 178] as const;
    const none = { cursor: null, heat: null, gap: null };
    return { ...nothing, ...none, draft: draft && { shown, prompts: draft.prompts, pointed: -1, color } };
  }
}

function openStage(opened: Opened, folder: string): Stage {
  return new Stage(opened, folder);
}

/** Hover over images first..first + images - 1, the same number of times each. */
async function hoverMany(
  opened: Opened,
  folder: string,
  hovers: number,
  first: number,
  images: number,
): Promise<number> {
  let [answered, done] = [0, 0];
  for (let image = first; image < first + images; image++) {
    for (; done < ((image - first + 1) * hovers) / images; done++) {
      await opened.client.decode({
        kind: "hover",
        views: [embedding(opened, folder, image)],
        originalSize: PHOTO,
        prompts: [
          { kind: "point", point: imagePoint((done * 37) % PHOTO.width, (done * 53) % PHOTO.height), label: 1 },
        ],
        starts: [],
        before: null,
        step: 4,
      });
      answered++;
    }
  }
  return answered;
}

Object.assign(globalThis, { bench: { timeGraphs, openClient, openImage, openStage, hoverMany, timeViews } });
