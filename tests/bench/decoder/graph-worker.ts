/**
 * Times decoders in one page, interleaved: the published graph, and first click and refinement of the full decoder, of
 * sam_lite and of SAM 2.1 by their plain graphs and by the accelerator of those that have one.
 */
import { geometryFor, SAM_GEOMETRY } from "../../../frontend/src/geometry/photo-geometry";
import type { DecoderBackend, Feeds, PreparedImage } from "../../../frontend/src/inference/worker/decoder-backend";
import { goldenEmbedding } from "../../../frontend/src/inference/worker/golden";
import { parseManifest, type Manifest } from "../../../frontend/src/inference/protocol/manifest";
import { ModelDecoder } from "../../../frontend/src/inference/worker/model-decoder";
import type { LocalEngine } from "../../../frontend/src/inference/protocol/messages";
import { openAccelerator } from "../../../frontend/src/inference/worker/accelerator";
import { fileLoader, loadGraphs } from "../../../frontend/src/inference/worker/model-files";
import type { OrtLibrary } from "../../../frontend/src/inference/worker/ort-sessions";
import { PlainDecoder } from "../../../frontend/src/inference/worker/plain-decoder";
import { loadLibrary, threadsOf } from "../../../frontend/src/inference/worker/runtime";

const GEOMETRY = geometryFor({ width: 2250, height: 1500 }, SAM_GEOMETRY);
const WARM_UP = 3;
const MODELS = ["full", "lite", "sam2"] as const;

type Case = readonly [name: string, run: () => Promise<number>];

interface Opened {
  readonly name: string;
  readonly backend: DecoderBackend;
  readonly image: PreparedImage;
  readonly prepareMs: number;
  readonly goldenIou: number;
}

async function openAll(folder: string, engine: LocalEngine, library: OrtLibrary) {
  const url = new URL(`/models/${folder}/manifest.json`, self.location.origin).href;
  const manifest = parseManifest(await (await fetch(url)).json());
  const load = fileLoader(url, manifest, fetch.bind(globalThis));
  const part = manifest.accelerator;
  const threads = threadsOf(engine);
  const backends: [string, DecoderBackend][] = [
    ["plain", await PlainDecoder.open(library, await loadGraphs(manifest.graphs, load), "wasm", threads)],
  ];
  if (part)
    backends.push(["accelerated", await openAccelerator({ part, load, library: Promise.resolve(library), threads })]);
  const opened: Opened[] = [];
  for (const [name, backend] of backends) opened.push(await makeReady(name, backend, manifest, engine));
  return { manifest, opened };
}

async function makeReady(name: string, backend: DecoderBackend, manifest: Manifest, engine: LocalEngine) {
  const { goldenIou } = await new ModelDecoder(backend, manifest, engine, 2 ** 30).tryGolden();
  const embedding = goldenEmbedding(7, manifest.embedding);
  const start = performance.now();
  const image = await backend.prepare(embedding);
  return { name, backend, image, prepareMs: performance.now() - start, goldenIou };
}

function prompt({ geometry, maskSide }: Manifest, points: number, hasMask: boolean): Feeds {
  const coords = Float32Array.from({ length: 2 * points + 2 }, (_, i) =>
    i < 2 * points ? ((i * 37 + 11) % 64) * (geometry.imageSize / 64) : 0,
  );
  const labels = Int32Array.from({ length: points + 1 }, (_, i) => (i === points ? -1 : i % 2 === 0 ? 1 : 0));
  const mask = Float32Array.from({ length: maskSide ** 2 }, (_, i) => Math.sin(i / 900) * 8);
  const clicks: Feeds = {
    point_coords: { type: "float32", data: coords, dims: [1, points + 1, 2] },
    point_labels: { type: "int32", data: labels, dims: [1, points + 1] },
  };
  return hasMask
    ? { ...clicks, mask_input: { type: "float32", data: mask, dims: [1, 1, maskSide, maskSide] } }
    : clicks;
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

async function publishedCase({ InferenceSession, Tensor }: OrtLibrary): Promise<Case> {
  const bytes = new Uint8Array(await (await fetch("/models/published.onnx")).arrayBuffer());
  const session = await InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const { originalSize } = GEOMETRY;
  const float = (data: ArrayLike<number>, dims: number[]) => new Tensor("float32", Float32Array.from(data), dims);
  const image = Float32Array.from({ length: 256 * 4096 }, (_, i) => Math.sin(i * 12.9898) * 0.7);
  const feeds = {
    image_embeddings: float(image, [1, 256, 64, 64]),
    point_coords: float([512, 300, 0, 0], [1, 2, 2]),
    point_labels: float([1, -1], [1, 2]),
    mask_input: float(new Float32Array(65536), [1, 1, 256, 256]),
    has_mask_input: float([0], [1]),
    orig_im_size: float([originalSize.height, originalSize.width], [2]),
  };
  return ["published", () => time(() => session.run(feeds))];
}

async function measure(engine: LocalEngine, rounds: number, hasPublished: boolean) {
  const library = await loadLibrary(engine);
  const cases: Case[] = hasPublished ? [await publishedCase(library)] : [];
  const [prepareMs, goldenIou]: [Record<string, number>, Record<string, number>] = [{}, {}];
  for (const model of MODELS) {
    const { manifest, opened } = await openAll(model, engine, library);
    const [click, refinement] = [prompt(manifest, 1, false), prompt(manifest, 5, true)];
    for (const { name, backend, image, ...figures } of opened) {
      [prepareMs[`${model}_${name}`], goldenIou[`${model}_${name}`]] = [figures.prepareMs, figures.goldenIou];
      cases.push([`${model}_first_${name}`, () => time(() => backend.decode(image, click))]);
      cases.push([`${model}_refine_${name}`, () => time(() => backend.decode(image, refinement))]);
    }
  }
  const times: Record<string, number[]> = Object.fromEntries(cases.map(([name]) => [name, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const [name, run] of cases) {
      const ms = await run();
      if (round >= 0) times[name].push(ms);
    }
  }
  return { times, prepareMs, goldenIou, threads: threadsOf(engine) };
}

self.addEventListener(
  "message",
  (event: MessageEvent<{ engine: LocalEngine; rounds: number; hasPublished: boolean }>) => {
    const { engine, rounds, hasPublished } = event.data;
    measure(engine, rounds, hasPublished).then(
      (result) => self.postMessage({ result }),
      (error: unknown) =>
        self.postMessage({ error: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) }),
    );
  },
);
