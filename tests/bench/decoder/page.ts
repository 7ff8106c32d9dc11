/** The benchmark's page: graphs timed in a worker, clicks timed through the product's own client until they are painted. */
import { maskBounds, type ColumnMask } from "../../../frontend/src/geometry/column-mask";
import { imagePoint, type Size } from "../../../frontend/src/geometry/types";
import { geometryFor, maskAtOriginalSize } from "../../../frontend/src/geometry/upsample";
import { createDecoderClient, type DecoderClient, type EngineInfo } from "../../../frontend/src/inference/decoder-client";
import type { LocalEngine } from "../../../frontend/src/inference/protocol";

const PHOTO: Size = { width: 4000, height: 3000 };
const canvas = document.querySelector<HTMLCanvasElement>("#view")!;
const context = canvas.getContext("2d")!;
const scale = PHOTO.width / canvas.width;

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

/** Fill the mask at the canvas's resolution, one rectangle a run of the sampled columns. */
function paint(mask: ColumnMask): void {
  context.clearRect(0, 0, canvas.width, canvas.height);
  const bounds = maskBounds(mask);
  if (!bounds) return;
  context.fillStyle = "rgba(0, 114, 178, 0.4)";
  context.beginPath();
  for (let x = Math.ceil(bounds.x0 / scale); x * scale < bounds.x1; x++) {
    const column = Math.floor(x * scale) - mask.x0;
    for (let i = mask.offsets[column]; i < mask.offsets[column + 1]; i += 2) {
      context.rect(x, mask.runs[i] / scale, 1, (mask.runs[i + 1] - mask.runs[i]) / scale);
    }
  }
  context.fill();
}

interface Opened {
  readonly client: DecoderClient;
  readonly info: EngineInfo;
  readonly keyPrefix: string;
}

async function openClient(folder: string): Promise<Opened> {
  const client = createDecoderClient({ api: "/api/v1", csrf: "" });
  const info = await client.open(`/models/${folder}/manifest.json`);
  return { client, info, keyPrefix: `image-${info.modelVersion}-full-` };
}

function embedding(opened: Opened, folder: string, number: number) {
  return { key: `${opened.keyPrefix}${number}`, url: `/models/${folder}.npy?n=${number}`, imageId: 1, cropBox: null };
}

function nextFrame(): Promise<void> {
  // Two callbacks: the second one runs once the frame that the first one drew has been handed over.
  return new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve())));
}

interface Painted {
  readonly clickToPaintMs: number;
  /** From the pointer event until the candidates are there. */
  readonly answerMs: number;
  readonly maskMs: number;
  readonly paintMs: number;
}

/** One pointer event until its mask is painted (the commands of the frame are issued). */
function clickOnce(opened: Opened, folder: string): Promise<Painted> {
  return new Promise((resolve, reject) => {
    const answer = async (event: PointerEvent) => {
      const start = event.timeStamp;
      const point = imagePoint(event.offsetX * scale, event.offsetY * scale);
      const { candidates, chosen } = await opened.client.decode({
        kind: "click",
        embedding: embedding(opened, folder, 0),
        originalSize: PHOTO,
        prompts: [{ kind: "point", point, label: 1 }],
        maskInput: null,
      });
      const decoded = performance.now();
      const mask = maskAtOriginalSize(candidates[chosen].logits, geometryFor(PHOTO, opened.info.imageSize));
      const made = performance.now();
      requestAnimationFrame(() => {
        const begun = performance.now();
        paint(mask);
        const done = performance.now();
        resolve({ clickToPaintMs: done - start, answerMs: decoded - start, maskMs: made - decoded, paintMs: done - begun });
      });
    };
    canvas.addEventListener("pointerdown", (event) => void answer(event).catch(reject), { once: true });
  });
}

/** Hover over images first..first + images - 1, the same number of times each. */
async function hoverMany(opened: Opened, folder: string, hovers: number, first: number, images: number): Promise<number> {
  let [answered, done] = [0, 0];
  for (let image = first; image < first + images; image++) {
    for (; done < ((image - first + 1) * hovers) / images; done++) {
      await opened.client.decode({
        kind: "hover",
        embedding: embedding(opened, folder, image),
        originalSize: PHOTO,
        prompts: [{ kind: "point", point: imagePoint((done * 37) % PHOTO.width, (done * 53) % PHOTO.height), label: 1 }],
        maskInput: null,
      });
      answered++;
    }
  }
  return answered;
}

Object.assign(globalThis, { bench: { timeGraphs, openClient, clickOnce, hoverMany, nextFrame } });
