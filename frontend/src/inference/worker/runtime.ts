/**
 * Loads ONNX Runtime from this site: one build of script and WebAssembly, never from a CDN.
 *
 * Threads need cross-origin isolation; without it the runtime would fail late and unclearly, so one thread is asked for.
 */
import webgpuModule from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

import { coreCount } from "../../platform/abilities";
import type { LocalEngine } from "../protocol/messages";
import type { OrtLibrary } from "./ort-sessions";

const MOST_THREADS = 4; // more only wait for each other on layers this small

export function threadsOf(engine: LocalEngine): number {
  return engine === "wasm-threads" ? Math.min(coreCount(), MOST_THREADS) : 1;
}

export async function loadLibrary(engine: LocalEngine): Promise<OrtLibrary> {
  const isWebGpu = engine === "webgpu";
  const library = await (isWebGpu ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm"));
  const { wasm } = library.env;
  wasm.wasmPaths = isWebGpu
    ? { mjs: address(webgpuModule), wasm: address(webgpuBinary) }
    : { mjs: address(wasmModule), wasm: address(wasmBinary) };
  wasm.numThreads = threadsOf(engine);
  wasm.proxy = false; // this is the worker already
  return library;
}

function address(path: string): string {
  return new URL(path, self.location.origin).href;
}
