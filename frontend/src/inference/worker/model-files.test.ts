import { createHash } from "node:crypto";

import { describe, expect, it, vi } from "vitest";

import type { Manifest } from "../protocol/manifest";
import { fileLoader, loadGraphs } from "./model-files";

const NAMES = ["first.onnx", "refine.onnx", "decoder.bin"];
const contentOf = (name: string) => new TextEncoder().encode(`content of ${name}`);
const MANIFEST = {
  graphs: {
    first: { file: "first.onnx", weights: "decoder.bin" },
    refine: { file: "refine.onnx", weights: "decoder.bin" },
  },
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

const load = (get: typeof fetch) => loadGraphs(MANIFEST.graphs, fileLoader(URL_OF_MANIFEST, MANIFEST, get));

describe("loadGraphs", () => {
  it("loads all files from versioned addresses", async () => {
    const get = server((_, __, bytes) => bytes);
    const model = await load(get);
    expect(model.graphs).toEqual({ first: contentOf("first.onnx"), refine: contentOf("refine.onnx") });
    expect([model.weightsName, model.weights]).toEqual(["decoder.bin", contentOf("decoder.bin")]);
    const digest = MANIFEST.files[2].sha256.slice(0, 16);
    expect(get.mock.calls[0][0]).toBe(`http://page.test/api/v1/models/m-1/decoder.bin?v=${digest}`);
  });

  it("does not know a file that the manifest does not list", async () => {
    const loadFile = fileLoader(
      URL_OF_MANIFEST,
      MANIFEST,
      server((_, __, bytes) => bytes),
    );
    await expect(loadFile("other.bin")).rejects.toMatchObject({ code: "model_corrupt" });
  });

  it("fetches a damaged file once more, past the cache", async () => {
    const get = server((name, cache, bytes) =>
      name === "first.onnx" && cache !== "reload" ? bytes.map((byte) => byte ^ 1) : bytes,
    );
    const model = await load(get);
    expect(model.graphs.first).toEqual(contentOf("first.onnx"));
    expect(get).toHaveBeenCalledTimes(4);
  });

  it.each([
    ["stays damaged", (_: string, __: unknown, bytes: Uint8Array) => bytes.subarray(1), "model_corrupt"],
    ["is missing", () => new Response(null, { status: 404 }), "model_missing"],
  ])("says when a file %s", async (_, damage, code) => {
    await expect(load(server(damage))).rejects.toMatchObject({ code });
  });
});
