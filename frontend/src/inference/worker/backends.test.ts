import { describe, expect, it, vi } from "vitest";

import { MANIFEST } from "../client/decoder-fakes";
import { parseManifest } from "../protocol/manifest";
import { openBackend } from "./backends";
import type { DecoderBackend } from "./decoder-backend";

const GRAPH = { file: "a.onnx", weights: "a.bin" };
const accelerator = {
  graphs: { prepare: GRAPH, first: GRAPH, refine: GRAPH },
  upscaling: { file: "upscaling.bin", eps: 1e-6, channels: 32, grid: 4 },
};
const plain = { isAccelerated: false } as DecoderBackend;
const accelerated = { isAccelerated: true } as DecoderBackend;
const load = () => Promise.resolve(new Uint8Array(0));

function doors(openAccelerator = () => Promise.resolve(accelerated)) {
  return { openAccelerator: vi.fn(openAccelerator), openPlain: vi.fn(() => Promise.resolve(plain)) };
}

describe("openBackend", () => {
  it("takes the accelerator that the manifest names", async () => {
    const { openAccelerator, openPlain } = doors();
    const manifest = parseManifest({ ...MANIFEST, accelerator });
    expect(await openBackend("wasm", manifest, load, { openAccelerator, openPlain })).toBe(accelerated);
    expect(openAccelerator).toHaveBeenCalledWith("wasm", accelerator, load);
    expect(openPlain).not.toHaveBeenCalled();
  });

  it.each([
    ["has none", MANIFEST, "wasm-threads"],
    ["runs on a graphics card", { ...MANIFEST, accelerator }, "webgpu"],
  ] as const)("takes the plain graphs of a model that %s", async (_, raw, engine) => {
    const { openAccelerator, openPlain } = doors();
    const manifest = parseManifest(raw);
    expect(await openBackend(engine, manifest, load, { openAccelerator, openPlain })).toBe(plain);
    expect(openAccelerator).not.toHaveBeenCalled();
    expect(openPlain).toHaveBeenCalledWith(engine, manifest.graphs, load);
  });

  it("takes the plain graphs where the browser refuses the accelerator", async () => {
    const refused = doors(() => Promise.reject(new Error("no such instruction")));
    expect(await openBackend("wasm", parseManifest({ ...MANIFEST, accelerator }), load, refused)).toBe(plain);
  });
});
