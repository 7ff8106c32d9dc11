import { createHash } from "node:crypto";

import { describe, expect, it, vi } from "vitest";

import type { Manifest } from "../inference/manifest";
import { loadModel } from "./model-files";

const NAMES = [
  ...["prepare.onnx", "first.onnx", "refine.onnx", "decoder.bin"],
  ...["first_rows.onnx", "refine_rows.onnx", "upscaling.bin"],
];
const contentOf = (name: string) => new TextEncoder().encode(`content of ${name}`);
const MANIFEST = {
  graphs: {
    prepare: { file: "prepare.onnx", weights: "decoder.bin" },
    first: { file: "first.onnx", weights: "decoder.bin" },
    refine: { file: "refine.onnx", weights: "decoder.bin" },
  },
  upscaling: null,
  files: NAMES.map((name) => {
    const bytes = contentOf(name);
    return { name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  }),
} as unknown as Manifest;
const URL_OF_MANIFEST = "http://page.test/api/v1/models/m-1/manifest.json";

/** Serves the files; `damage` may replace the bytes of an answer. */
function server(damage: (name: string, cache: RequestCache | undefined, bytes: Uint8Array) => Response | Uint8Array) {
  return vi.fn<typeof fetch>((input, init) => {
    const name = new URL(input as string).pathname.split("/").at(-1)!;
    const answer = damage(name, init?.cache, contentOf(name));
    return Promise.resolve(answer instanceof Response ? answer : new Response(Uint8Array.from(answer)));
  });
}

describe("loadModel", () => {
  it("loads all files from versioned addresses", async () => {
    const get = server((_, __, bytes) => bytes);
    const model = await loadModel(URL_OF_MANIFEST, MANIFEST, "masks", get);
    expect(model.graphs.refine).toEqual(contentOf("refine.onnx"));
    expect(model.weights).toEqual(contentOf("decoder.bin"));
    const digest = MANIFEST.files[0].sha256.slice(0, 16);
    expect(get.mock.calls[0][0]).toBe(`http://page.test/api/v1/models/m-1/prepare.onnx?v=${digest}`);
  });

  it("loads the graphs that end before the up-scaling, where the model has them", async () => {
    const get = server((_, __, bytes) => bytes);
    const graphs = {
      prepare: MANIFEST.graphs.prepare,
      first: { file: "first_rows.onnx", weights: "decoder.bin" },
      refine: { file: "refine_rows.onnx", weights: "decoder.bin" },
    };
    const manifest: Manifest = { ...MANIFEST, upscaling: { file: "upscaling.bin", eps: 1e-6, graphs } };
    const model = await loadModel(URL_OF_MANIFEST, manifest, "rows", get);
    expect(model.graphs.first).toEqual(contentOf("first_rows.onnx"));
    expect(model.upscaling).toEqual({ eps: 1e-6, weights: contentOf("upscaling.bin") });
    const without = await loadModel(URL_OF_MANIFEST, MANIFEST, "rows", get);
    expect(without.graphs.first).toEqual(contentOf("first.onnx"));
    expect(without.upscaling).toBeNull();
  });

  it("fetches a damaged file once more, past the cache", async () => {
    const get = server((name, cache, bytes) =>
      name === "first.onnx" && cache !== "reload" ? bytes.map((byte) => byte ^ 1) : bytes,
    );
    const model = await loadModel(URL_OF_MANIFEST, MANIFEST, "masks", get);
    expect(model.graphs.first).toEqual(contentOf("first.onnx"));
    expect(get).toHaveBeenCalledTimes(5);
  });

  it.each([
    ["stays damaged", (_: string, __: unknown, bytes: Uint8Array) => bytes.subarray(1), "model_corrupt"],
    ["is missing", () => new Response(null, { status: 404 }), "model_missing"],
  ])("says when a file %s", async (_, damage, code) => {
    await expect(loadModel(URL_OF_MANIFEST, MANIFEST, "masks", server(damage))).rejects.toMatchObject({ code });
  });
});
