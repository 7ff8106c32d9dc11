/**
 * Loads ONNX Runtime from this site: one build of script and WebAssembly, never from a CDN.
 *
 * Threads need cross-origin isolation; without it the runtime would fail late and unclearly, so one thread is asked for.
 */
import webgpuModule from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

import type { GraphRuntime } from "../inference/graph-runtime";
import type { LocalEngine } from "../inference/protocol";
import { WasmGraphs, type OrtModuleFactory } from "./wasm-graphs";

const MOST_THREADS = 4; // more only wait for each other on layers this small

export async function loadRuntime(engine: LocalEngine): Promise<GraphRuntime> {
  if (engine === "webgpu") return loadWebGpu();
  const { default: create } = (await import(/* @vite-ignore */ address(wasmModule))) as { default: OrtModuleFactory };
  const threads = engine === "wasm-threads" ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
  return WasmGraphs.start(create, threads, { locateFile: () => address(wasmBinary) });
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
