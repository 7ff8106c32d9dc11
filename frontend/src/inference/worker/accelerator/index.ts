/**
 * The only door of the optional accelerator (docs/adr/0006): the answers of a model's plain graphs, computed from terms
 * that are prepared once per image, with a kernel of its own for the up-scaling. Nothing outside this folder knows how.
 */
import relaxedKernel from "../../../../kernels/dist/upscale-relaxed.wasm?url";
import plainKernel from "../../../../kernels/dist/upscale.wasm?url";
import upscaleHelper from "./upscale-helper.ts?worker&url";

import { compile, isKnown } from "../../../platform/wasm";
import { startWorker } from "../../../platform/workers";
import type { AcceleratorPart } from "../../protocol/manifest";
import type { DecoderBackend } from "../decoder-backend";
import { loadGraphs, type LoadFile } from "../model-files";
import type { OrtLibrary } from "../ort-sessions";
import { AcceleratedDecoder } from "./accelerated-decoder";
import { UpscaleKernel, type HelperStart } from "./upscale-kernel";

export interface AcceleratorParts {
  readonly part: AcceleratorPart;
  readonly load: LoadFile;
  readonly library: Promise<OrtLibrary>;
  readonly threads: number;
}

/** Rejects where the browser refuses a part of it. */
export async function openAccelerator({ part, load, library, threads }: AcceleratorParts): Promise<DecoderBackend> {
  const [runtime, files, weights, module] = await Promise.all([
    library,
    loadGraphs(part.graphs, load),
    load(part.upscaling.file),
    loadKernel(),
  ]);
  const kernel = new UpscaleKernel(module, { ...part.upscaling, weights }, threads, startHelper);
  return AcceleratedDecoder.open(runtime, files, kernel, threads, part.stable_single);
}

/** The kernel with fused multiply-adds where the browser knows them. */
async function loadKernel(): Promise<WebAssembly.Module> {
  const relaxed = await kernelBytes(relaxedKernel);
  return compile(isKnown(relaxed) ? relaxed : await kernelBytes(plainKernel));
}

async function kernelBytes(path: string): Promise<ArrayBuffer> {
  const response = await fetch(new URL(path, self.location.origin).href, { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The kernel was refused (${response.status}).`);
  return response.arrayBuffer();
}

/** Tiles are taken by any thread, so a helper that does not start costs only time. */
function startHelper(start: HelperStart): void {
  const worker = startWorker(upscaleHelper, "upscale");
  worker.onerror = (event) => event.preventDefault();
  worker.postMessage(start);
}
