/**
 * Loads ONNX Runtime from this site: one build of script and WebAssembly, never from a CDN.
 *
 * Threads need cross-origin isolation; without it the runtime would fail late and unclearly, so one thread is asked for.
 */
import webgpuModule from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import relaxedKernel from "../../kernels/dist/upscale-relaxed.wasm?url";
import plainKernel from "../../kernels/dist/upscale.wasm?url";

import type { GraphRuntime } from "../inference/graph-runtime";
import type { LocalEngine } from "../inference/protocol";
import type { HelperStart } from "./upscale-kernel";
import { WasmGraphs, type OrtModuleFactory } from "./wasm-graphs";

const MOST_THREADS = 4; // more only wait for each other on layers this small

export async function loadRuntime(engine: LocalEngine): Promise<GraphRuntime> {
  if (engine === "webgpu") return loadWebGpu();
  const binary = fetch(address(wasmBinary), { credentials: "same-origin" });
  const script = import(/* @vite-ignore */ address(wasmModule)) as Promise<{ default: OrtModuleFactory }>;
  const [{ default: create }, kernel] = await Promise.all([script, loadKernel()]);
  return WasmGraphs.start({
    create,
    threads: engine === "wasm-threads" ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1,
    instantiate: async (imports) => instantiate(await binary, imports),
    kernel,
    startHelper,
  });
}

/** Compile while it arrives; a proxy may have taken the type away that this needs. */
async function instantiate(response: Response, imports: WebAssembly.Imports) {
  if (!response.ok) throw new Error(`The runtime was refused (${response.status}).`);
  return response.headers.get("content-type") === "application/wasm"
    ? WebAssembly.instantiateStreaming(response, imports)
    : WebAssembly.instantiate(await response.arrayBuffer(), imports);
}

/** The kernel with fused multiply-adds where the browser knows them; null where it cannot be had: whole graphs do. */
async function loadKernel(): Promise<WebAssembly.Module | null> {
  try {
    const relaxed = await kernelBytes(relaxedKernel);
    const bytes = WebAssembly.validate(relaxed) ? relaxed : await kernelBytes(plainKernel);
    return await WebAssembly.compile(bytes);
  } catch {
    return null;
  }
}

async function kernelBytes(path: string): Promise<ArrayBuffer> {
  const response = await fetch(address(path), { credentials: "same-origin" });
  if (!response.ok) throw new Error(`The kernel was refused (${response.status}).`);
  return response.arrayBuffer();
}

/** A helper that does not come up is not missed: the tiles are whoever's takes them. */
function startHelper(start: HelperStart): void {
  const worker = new Worker(new URL("./upscale-helper.ts", import.meta.url), { type: "module" });
  worker.onerror = (event) => event.preventDefault();
  worker.postMessage(start);
}

async function loadWebGpu(): Promise<GraphRuntime> {
  const [library, { WebGpuGraphs }] = await Promise.all([import("onnxruntime-web/webgpu"), import("./webgpu-graphs")]);
  const { wasm } = library.env;
  wasm.wasmPaths = { mjs: address(webgpuModule), wasm: address(webgpuBinary) };
  wasm.numThreads = 1;
  wasm.proxy = false; // this is the worker already
  return new WebGpuGraphs(library);
}

function address(path: string): string {
  return new URL(path, self.location.origin).href;
}
