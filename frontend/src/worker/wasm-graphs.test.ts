/** The pinned runtime itself, in Node: values that stay in its heap, its errors, and that nothing stays behind. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { beforeAll, describe, expect, test } from "vitest";

import type { Feed, GraphFiles } from "../inference/graph-runtime";
import { WasmGraphs, type OrtModule, type OrtModuleFactory } from "./wasm-graphs";

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, "base64"));
const weights = new Uint8Array(Float32Array.of(2, 4, 8).buffer);

/** scaled = float(half) * w, sum = scaled + float(whole); rows of three, w in a file of its own. */
const SUM: GraphFiles = {
  graph: bytesOf(
    "CAgSADqHAgoaCgRoYWxmEgFmIgRDYXN0KgkKAnRvGAGgAQIKGwoFd2hvbGUSAWkiBENhc3QqCQoCdG8YAaABAgoTCgFmCgF3EgZzY2FsZWQiA011" +
      "bAoVCgZzY2FsZWQKAWkSA3N1bSIDQWRkEgFnKjcIAxABQgF3ahEKCGxvY2F0aW9uEgV3LmJpbmoLCgZvZmZzZXQSATBqDAoGbGVuZ3RoEgIx" +
      "MnABWhcKBGhhbGYSDwoNCAoSCQoDEgFuCgIIA1oYCgV3aG9sZRIPCg0IBhIJCgMSAW4KAggDYhkKBnNjYWxlZBIPCg0IARIJCgMSAW4KAggD" +
      "YhYKA3N1bRIPCg0IARIJCgMSAW4KAggDQgQKABAR",
  ),
  weightsName: "w.bin",
  weights,
};
/** rest = sum - less. */
const REST: GraphFiles = {
  ...SUM,
  graph: bytesOf(
    "CAg6YAoWCgNzdW0KBGxlc3MSBHJlc3QiA1N1YhIBZ1oWCgNzdW0SDwoNCAESCQoDEgFuCgIIA1oSCgRsZXNzEgoKCAgBEgQKAggDYhcKBHJlc3QS" +
      "DwoNCAESCQoDEgFuCgIIA0IECgAQEQ==",
  ),
};
const ONE = 0x3c00; // float16
const halves = (...data: number[]): Feed => ({ type: "float16", data: Uint16Array.from(data), dims: [1, 3] });
const wholes = (...data: number[]): Feed => ({ type: "int32", data: Int32Array.from(data), dims: [1, 3] });
const floats = (...data: number[]): Feed => ({ type: "float32", data: Float32Array.from(data), dims: [3] });

let module: OrtModule;
let runtime: WasmGraphs;

beforeAll(async () => {
  const script = createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.mjs");
  const { default: create } = (await import(/* @vite-ignore */ pathToFileURL(script).href)) as {
    default: OrtModuleFactory;
  };
  const binary = await readFile(script.replace(/mjs$/, "wasm"));
  runtime = await WasmGraphs.start({
    create: async (settings) => (module = await create(settings)),
    threads: 1,
    instantiate: (imports) => WebAssembly.instantiate(binary, imports),
    kernel: null,
    startHelper: () => undefined,
  });
});

describe("graphs in the heap", () => {
  test("compute from all kinds of numbers and a file of weights", async () => {
    const answer = await (await runtime.open(SUM)).run({ half: halves(ONE, 0, ONE), whole: wholes(1, -2, 3) });
    expect([...answer.scaled.floats()]).toEqual([2, 0, 8]);
    expect([...answer.sum.floats()]).toEqual([3, -2, 11]);
    expect(answer.sum.bytes).toBe(12);
  });

  test("an output is an input of another graph, as often as wanted, until it is released", async () => {
    const [sum, rest] = [await runtime.open(SUM), await runtime.open(REST)];
    const kept = await sum.run({ half: halves(ONE, ONE, ONE), whole: wholes(0, 0, 0) });
    for (const less of [1, 2, 3]) {
      const answer = await rest.run({ less: floats(less, less, less) }, kept);
      expect([...answer.rest.floats()]).toEqual([2 - less, 4 - less, 8 - less]);
      answer.rest.release();
    }
    for (const value of Object.values(kept)) value.release();
  });

  test("a copy that was read may be transferred and the graph goes on", async () => {
    const answer = await (await runtime.open(SUM)).run({ half: halves(ONE, 0, 0), whole: wholes(0, 0, 0) });
    structuredClone(answer.sum.floats(), { transfer: [answer.sum.floats().buffer] });
    expect([...answer.sum.floats()]).toEqual([2, 0, 0]);
  });

  test("a thousand runs leave the heap as large as ten", async () => {
    const graph = await runtime.open(SUM);
    const rows = 4096;
    const half: Feed = { type: "float16", data: new Uint16Array(3 * rows), dims: [rows, 3] };
    const whole: Feed = { type: "int32", data: new Int32Array(3 * rows), dims: [rows, 3] };
    const sizes: number[] = [];
    for (let i = 0; i < 1000; i++) {
      for (const value of Object.values(await graph.run({ half, whole }))) value.release();
      if (i === 10 || i === 999) sizes.push(module.HEAPU8.byteLength);
    }
    expect(sizes[1]).toBe(sizes[0]);
  });

  test("what is wrong is said: a shape, a missing input, a graph that is none", async () => {
    const graph = await runtime.open(SUM);
    const wide: Feed = { type: "int32", data: new Int32Array(4), dims: [1, 4] };
    await expect(graph.run({ half: halves(0, 0, 0), whole: wide })).rejects.toThrow(/could not be run: .*whole/s);
    await expect(graph.run({ half: halves(0, 0, 0) })).rejects.toThrow("The value whole is missing.");
    await expect(runtime.open({ ...SUM, graph: Uint8Array.of(1, 2, 3) })).rejects.toThrow(/could not be opened: /);
    await expect(runtime.open({ ...SUM, weightsName: "other.bin" })).rejects.toThrow(/could not be opened: /);
    const after = await graph.run({ half: halves(ONE, ONE, ONE), whole: wholes(0, 0, 0) });
    expect([...after.sum.floats()]).toEqual([2, 4, 8]);
  });
});
