import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { decodeCounts } from "../../geometry/rle";
import type { Manifest } from "../protocol/manifest";
import { goldenEmbedding, goldenIou, goldenPrompt } from "./golden";

interface EmbeddingVector {
  seed: number;
  channels: number;
  grid: number;
  sha256: string;
  first_bits: number[];
}

const vector = JSON.parse(
  readFileSync(new URL("../../../../fixtures/golden/decoder/embedding.json", import.meta.url), "utf8"),
) as EmbeddingVector;

it("makes the same embedding as sam_core", () => {
  const shape = [1, vector.channels, vector.grid, vector.grid];
  const { image_embeddings } = goldenEmbedding(vector.seed, [{ name: "image_embeddings", shape, dtype: "float16" }]);
  const bits = image_embeddings.data;
  expect([...bits.subarray(0, 16)]).toEqual(vector.first_bits);
  expect(createHash("sha256").update(new Uint8Array(bits.buffer)).digest("hex")).toBe(vector.sha256);
});

it("goes on with the same numbers in the next tensor", () => {
  const spec = (name: string, channels: number, side: number) =>
    ({ name, shape: [1, channels, side, side], dtype: "float16" }) as const;
  const { both } = goldenEmbedding(1, [spec("both", 3, 8)]);
  const parts = goldenEmbedding(1, [spec("first", 1, 8), spec("second", 2, 8)]);
  expect([...parts.first.data, ...parts.second.data]).toEqual([...both.data]);
});

describe("goldenIou", () => {
  // column-major runs of a 4 x 4 mask: the second column is set
  const counts = decodeCounts("448", { width: 4, height: 4 });
  const golden = { seed: 1, point: [8, 8], candidate: 1, counts, predictedIou: 0.5 } as const;
  const manifest = { maskSide: 4, golden } as unknown as Manifest;
  const logits = new Float32Array(64).fill(-1);
  for (let row = 0; row < 4; row++) logits[16 + row * 4 + 1] = 1;
  const scores = Float32Array.of(0, 0.51, 0, 0);

  it("is 1 for the golden mask", () => {
    expect(goldenIou(manifest, logits, scores)).toBe(1);
  });

  it("counts every pixel that differs", () => {
    const changed = logits.slice();
    changed[16] = 1;
    expect(goldenIou(manifest, changed, scores)).toBe(0.8);
  });

  it("is 0 when the score is off or no number", () => {
    expect(goldenIou(manifest, logits, Float32Array.of(0, 0.6, 0, 0))).toBe(0);
    expect(goldenIou(manifest, logits, Float32Array.of(0, NaN, 0, 0))).toBe(0);
  });
});

it("asks with one click and its padding", () => {
  const { coords, labels } = goldenPrompt({ seed: 1, point: [3, 4], candidate: 0, counts: [], predictedIou: 0 });
  expect([...coords, ...labels]).toEqual([3, 4, 0, 0, 1, -1]);
});
