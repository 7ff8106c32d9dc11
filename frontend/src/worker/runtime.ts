/**
 * Loads ONNX Runtime Web from this site: one build of script and WebAssembly, never from a CDN.
 *
 * Threads need cross-origin isolation; without it the runtime would fail late and unclearly, so one thread is asked for.
 */
import webgpuModule from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuBinary from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import wasmModule from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmBinary from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

import type { Runtime } from "../inference/ort-decoder";
import type { LocalEngine } from "../inference/protocol";

const MOST_THREADS = 4; // more only wait for each other on layers this small

export async function loadRuntime(engine: LocalEngine): Promise<Runtime> {
  const isWebGpu = engine === "webgpu";
  const runtime = isWebGpu ? await import("onnxruntime-web/webgpu") : await import("onnxruntime-web/wasm");
  const { wasm } = runtime.env;
  const paths = isWebGpu ? [webgpuModule, webgpuBinary] : [wasmModule, wasmBinary];
  const [mjs, binary] = paths.map((path) => new URL(path, self.location.origin).href);
  wasm.wasmPaths = { mjs: mjs, wasm: binary };
  wasm.numThreads = engine === "wasm-threads" ? Math.min(navigator.hardwareConcurrency, MOST_THREADS) : 1;
  wasm.proxy = false; // this is the worker already
  return runtime;
}
