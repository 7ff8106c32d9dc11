/**
 * The golden case: a made-up embedding and a click whose mask every engine must reproduce before it is used.
 * Mirrors sam_core/onnx/golden.py, which states how the embedding comes from its seed.
 */
import { halfToNumber } from "../../geometry/npy";
import type { GoldenCase, Manifest, TensorSpec } from "../protocol/manifest";
import type { Feed, Feeds } from "./decoder-backend";

const CELLS = 8;
/** Least IoU with the golden mask, and most difference of the predicted IoU, for an engine to count as right. */
export const SMALLEST_GOLDEN_IOU = 0.99;
export const LARGEST_SCORE_DIFFERENCE = 0.02;

/** The embedding of a seed, for tensors 1 x C x H x W. */
export function goldenEmbedding(seed: number, specs: readonly TensorSpec[]): Feeds {
  let state = seed >>> 0;
  const nextBits = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 31) << 15) | (0x3400 + ((state >>> 8) & 0x7ff));
  };
  const tensors = specs.map(({ name, shape, dtype }): [string, Feed] => {
    const data = cellsOf(shape, nextBits);
    const tensor: Feed =
      dtype === "float16"
        ? { type: "float16", data, dims: shape }
        : { type: "float32", data: Float32Array.from(data, halfToNumber), dims: shape };
    return [name, tensor];
  });
  return Object.fromEntries(tensors);
}

/** float16 bits of one tensor; each channel asks for those of its cells, row by row. */
function cellsOf([, channels, height, width]: readonly number[], nextBits: () => number): Uint16Array {
  const bits = new Uint16Array(channels * height * width);
  const cells = new Uint16Array(CELLS * CELLS);
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < cells.length; i++) cells[i] = nextBits();
    for (let y = 0; y < height; y++) {
      const row = Math.floor((y * CELLS) / height) * CELLS;
      for (let x = 0; x < width; x++) {
        bits[(channel * height + y) * width + x] = cells[row + Math.floor((x * CELLS) / width)]!;
      }
    }
  }
  return bits;
}

export interface GoldenPrompt {
  readonly coords: Float32Array;
  readonly labels: Int32Array;
}

/** The golden click with its padding point. */
export function goldenPrompt(golden: GoldenCase): GoldenPrompt {
  return { coords: Float32Array.of(...golden.point, 0, 0), labels: Int32Array.of(1, -1) };
}

/** IoU of the answer's mask with the golden one; 0 where the predicted IoU is off, too. */
export function goldenIou(manifest: Manifest, logits: Float32Array, predictedIou: Float32Array): number {
  const { golden, maskSide } = manifest;
  const score = predictedIou[golden.candidate];
  if (!(Math.abs(score - golden.predictedIou) <= LARGEST_SCORE_DIFFERENCE)) return 0; // NaN fails, too
  const start = golden.candidate * maskSide * maskSide;
  let [both, either, pixel] = [0, 0, 0];
  golden.counts.forEach((count, run) => {
    for (const end = pixel + count; pixel < end; pixel++) {
      const row = pixel % maskSide;
      const column = (pixel - row) / maskSide;
      const isSet = logits[start + row * maskSide + column] > 0;
      if (run % 2 === 1 && isSet) both++;
      if (run % 2 === 1 || isSet) either++;
    }
  });
  return either === 0 ? 1 : both / either;
}
