import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import type { TensorSpec } from "../protocol/manifest";
import { readEmbedding } from "./embedding-file";

const fixture = (name: string) =>
  Uint8Array.from(readFileSync(new URL(`../../../../fixtures/golden/embedding/${name}`, import.meta.url))).buffer;
const ONE: TensorSpec = { name: "image_embeddings", shape: [1, 2, 2, 2], dtype: "float16" };
const THREE: TensorSpec[] = [
  ONE,
  { name: "high_res_1", shape: [1, 1, 4, 4], dtype: "float16" },
  { name: "high_res_0", shape: [1, 1, 8, 8], dtype: "float32" },
];

describe("readEmbedding", () => {
  it("gives the only tensor of a .npy file its name", () => {
    const { image_embeddings } = readEmbedding(fixture("one.npy"), [ONE]);
    expect(image_embeddings).toMatchObject({ type: "float16", dims: [1, 2, 2, 2] });
    expect([...image_embeddings.data].slice(0, 3)).toEqual([0, 0x3400, 0x3800]); // 0, 1/4, 1/2
  });

  it("reads all tensors of a .npz file", () => {
    const tensors = readEmbedding(fixture("three.npz"), THREE);
    expect(Object.keys(tensors)).toEqual(["image_embeddings", "high_res_1", "high_res_0"]);
    expect(tensors.high_res_0).toMatchObject({ type: "float32", dims: [1, 1, 8, 8] });
  });

  it.each([
    ["of another shape", fixture("one.npy"), [{ ...ONE, shape: [1, 2, 4, 4] }], "embedding_mismatch"],
    ["of another type", fixture("one.npy"), [{ ...ONE, dtype: "float32" } as const], "embedding_mismatch"],
    ["without a tensor", fixture("one.npy"), THREE, "embedding_mismatch"],
    ["cut off", fixture("three.npz").slice(0, 100), THREE, "embedding_missing"],
    ["that is none", new ArrayBuffer(4), [ONE], "embedding_missing"],
  ])("refuses a file %s", (_, file, specs, code) => {
    expect(() => readEmbedding(file, specs)).toThrow(expect.objectContaining({ code }) as Error);
  });
});
