/** Times graphs in one runtime, interleaved: the published decoder, the full one's first click and refinement, sam_lite. */
import { geometryFor } from "../../../frontend/src/geometry/upsample";
import { goldenEmbedding } from "../../../frontend/src/inference/golden";
import { parseManifest, type Manifest } from "../../../frontend/src/inference/manifest";
import { OrtDecoder } from "../../../frontend/src/inference/ort-decoder";
import type { LocalEngine } from "../../../frontend/src/inference/protocol";
import { loadModel } from "../../../frontend/src/worker/model-files";
import { loadRuntime } from "../../../frontend/src/worker/runtime";

const GEOMETRY = geometryFor({ width: 2250, height: 1500 }, 1024);
const WARM_UP = 3;

type Case = readonly [name: string, run: () => Promise<number>];

async function openDecoder(runtime: Awaited<ReturnType<typeof loadRuntime>>, folder: string, engine: LocalEngine) {
  const url = new URL(`/models/${folder}/manifest.json`, self.location.origin).href;
  const manifest = parseManifest(await (await fetch(url)).json());
  const model = await loadModel(url, manifest, runtime.canUpscale ? "rows" : "masks", fetch);
  const decoder = await OrtDecoder.create(runtime, manifest, model, engine, 2 ** 30);
  const trial = await decoder.tryGolden();
  const { embedDim, grid } = manifest;
  const header = `{'descr': '<f2', 'fortran_order': False, 'shape': (1, ${embedDim}, ${grid}, ${grid}), }`;
  const text = new TextEncoder().encode(header.padEnd(117) + "\n");
  const bits = new Uint8Array(goldenEmbedding(7, embedDim, grid).buffer);
  const npy = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length, 0, ...text);
  const file = new Uint8Array(npy.length + bits.length);
  file.set(npy);
  file.set(bits, npy.length);
  const start = performance.now();
  await decoder.prepare("image", file.buffer);
  return { decoder, manifest, trial, prepareMs: performance.now() - start };
}

function tokens(manifest: Manifest, points: number) {
  const coords = Float32Array.from({ length: 2 * points + 2 }, (_, i) =>
    i < 2 * points ? ((i * 37 + 11) % 64) * (manifest.imageSize / 64) : 0,
  );
  const labels = Int32Array.from({ length: points + 1 }, (_, i) => (i === points ? -1 : i % 2 === 0 ? 1 : 0));
  return { coords, labels };
}

async function publishedCase(runtime: Awaited<ReturnType<typeof loadRuntime>>): Promise<Case[1]> {
  const bytes = new Uint8Array(await (await fetch("/models/published.onnx")).arrayBuffer());
  const graph = await runtime.open({ graph: bytes, weightsName: "none", weights: new Uint8Array(0) });
  const { originalSize } = GEOMETRY;
  const float = (data: ArrayLike<number>, dims: number[]) =>
    ({ type: "float32", data: Float32Array.from(data), dims }) as const;
  const image = Float32Array.from({ length: 256 * 4096 }, (_, i) => Math.sin(i * 12.9898) * 0.7);
  const feeds = {
    image_embeddings: float(image, [1, 256, 64, 64]),
    point_coords: float([512, 300, 0, 0], [1, 2, 2]),
    point_labels: float([1, -1], [1, 2]),
    mask_input: float(new Float32Array(65536), [1, 1, 256, 256]),
    has_mask_input: float([0], [1]),
    orig_im_size: float([originalSize.height, originalSize.width], [2]),
  };
  return async () => {
    const start = performance.now();
    const answer = await graph.run(feeds);
    const ms = performance.now() - start;
    for (const value of Object.values(answer)) value.release();
    return ms;
  };
}

async function measure(engine: LocalEngine, rounds: number, hasPublished: boolean) {
  const runtime = await loadRuntime(engine);
  const full = await openDecoder(runtime, "full", engine);
  const lite = await openDecoder(runtime, "lite", engine);
  const click = tokens(full.manifest, 1);
  const clicks = tokens(full.manifest, 5);
  const liteClick = tokens(lite.manifest, 1);
  const liteClicks = tokens(lite.manifest, 5);
  const maskFor = ({ maskSide }: Manifest) =>
    Float32Array.from({ length: maskSide ** 2 }, (_, i) => Math.sin(i / 900) * 8);
  const [mask, liteMask] = [maskFor(full.manifest), maskFor(lite.manifest)];
  const time = async (run: Promise<{ decodeMs: number }>) => (await run).decodeMs;
  const cases: Case[] = [
    ["full", () => time(full.decoder.decode("image", click.coords, click.labels, null))],
    ["refine", () => time(full.decoder.decode("image", clicks.coords, clicks.labels, mask))],
    ["lite", () => time(lite.decoder.decode("image", liteClick.coords, liteClick.labels, null))],
    ["lite_refine", () => time(lite.decoder.decode("image", liteClicks.coords, liteClicks.labels, liteMask))],
  ];
  if (hasPublished) cases.unshift(["published", await publishedCase(runtime)]);
  const times: Record<string, number[]> = Object.fromEntries(cases.map(([name]) => [name, []]));
  for (let round = -WARM_UP; round < rounds; round++) {
    for (const [name, run] of cases) {
      const ms = await run();
      if (round >= 0) times[name].push(ms);
    }
  }
  const trials = { full: full.trial, lite: lite.trial };
  return { times, trials, prepareMs: { full: full.prepareMs, lite: lite.prepareMs } };
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
