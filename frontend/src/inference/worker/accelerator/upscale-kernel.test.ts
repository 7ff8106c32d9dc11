/** The compiled kernel itself, in Node: what it computes against plain loops, and that threads change nothing. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { afterEach, describe, expect, test } from "vitest";

import { UpscaleKernel, type HelperStart } from "./upscale-kernel";

const KERNELS = ["upscale.wasm", "upscale-relaxed.wasm"];
const MASKS = 4;
const EPS = 1e-6;

const SERVE = `
  const { module, memory, job, thread } = require("node:worker_threads").workerData;
  new WebAssembly.Instance(module, { env: { memory } }).exports.serve(job, thread);
`;

interface Sizes {
  readonly grid: number;
  readonly channels: number;
  readonly rows: number;
  readonly isFiner?: boolean;
}

const SIZES: Sizes[] = [
  { grid: 4, channels: 32, rows: 0 },
  { grid: 4, channels: 64, rows: 5 },
  { grid: 8, channels: 32, rows: 12 },
  { grid: 12, channels: 128, rows: 33 },
  { grid: 4, channels: 64, rows: 5, isFiner: true },
  { grid: 8, channels: 32, rows: 12, isFiner: true },
];

const helpers: Worker[] = [];
afterEach(async () => {
  await Promise.all(helpers.splice(0).map((helper) => helper.terminate()));
});

async function kernelOf(
  name: string,
  { grid, channels }: Sizes,
  given: Problem,
  threads: number,
): Promise<UpscaleKernel> {
  const file = fileURLToPath(new URL(`../../../../kernels/dist/${name}`, import.meta.url));
  const module = await WebAssembly.compile(await readFile(file));
  const startHelper = (start: HelperStart) => {
    helpers.push(new Worker(SERVE, { eval: true, workerData: start }));
  };
  const { shares, bias1, bias2, weight2 } = given;
  const weights = new Uint8Array(Float32Array.of(...shares, ...bias1, ...bias2, ...weight2).buffer);
  return new UpscaleKernel(module, { grid, channels, eps: EPS, weights }, threads, startHelper);
}

/** Numbers in -1..1 that are the same in every run. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

function problem({ grid, channels, rows, isFiner }: Sizes) {
  const tokens = grid * grid;
  const positive = (count: number, seed: number) => numbers(count, seed).map((value) => 1 + value / 2);
  return {
    rows: numbers(rows * tokens, 1),
    baseScale: positive(tokens, 2),
    scale: positive(tokens, 3),
    base: numbers(tokens * channels, 4),
    ...(isFiner && { finer: numbers(tokens * channels, 11), finest: numbers(tokens * 2 * channels, 12) }),
    coefficients: numbers((rows + 1) * channels, 5),
    hyper: numbers((channels / 8) * MASKS, 6),
    shares: positive(channels / 4, 7).map((value) => (4 * value) / channels),
    bias1: numbers(channels / 4, 8),
    bias2: numbers(channels / 2, 9),
    weight2: numbers((channels * channels) / 8, 10).map((value) => value / 4),
  };
}
type Problem = ReturnType<typeof problem>;

/** x times the share of the normal distribution below x, by Simpson's rule. */
function gelu(x: number): number {
  const steps = 200;
  const density = (at: number) => Math.exp((-at * at) / 2) / Math.sqrt(2 * Math.PI);
  let sum = density(0) + density(x);
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * density((x * i) / steps);
  return x * (0.5 + (sum * x) / (3 * steps));
}

/** What sam_core/onnx/accelerator/upscaling.py computes, one number after the other. */
function plainly({ grid, channels, rows }: Sizes, given: Problem): number[] {
  const [tokens, side, inputs] = [grid * grid, 4 * grid, channels / 4];
  const logits = new Array<number>(MASKS * side * side).fill(0);
  const weight = (row: number, c: number) => given.coefficients[((c >> 2) * (rows + 1) + row) * 4 + (c & 3)];
  const weight2 = (k: number, c: number) => given.weight2[((c >> 2) * inputs + k) * 4 + (c & 3)];
  for (let token = 0; token < tokens; token++) {
    const both = given.baseScale[token] * given.scale[token];
    const image = Array.from({ length: channels }, (_, c) => {
      let sum = given.base[token * channels + c] + weight(rows, c) / both;
      sum += (given.finer?.[token * channels + c] ?? 0) / both;
      for (let r = 0; r < rows; r++) sum += (given.rows[r * tokens + token] / given.baseScale[token]) * weight(r, c);
      return sum;
    });
    for (let pixel = 0; pixel < 4; pixel++) {
      const own = image.slice(pixel * inputs, (pixel + 1) * inputs);
      const variance = own.reduce((sum, value, k) => sum + value * value * given.shares[k], 0);
      const first = own.map((value, k) => gelu(value / Math.sqrt(variance + EPS / both ** 2) + given.bias1[k]));
      for (let part = 0; part < 4; part++) {
        const y = Math.floor(token / grid) * 4 + (pixel >> 1) * 2 + (part >> 1);
        const x = (token % grid) * 4 + (pixel & 1) * 2 + (part & 1);
        for (let c = 0; c < channels / 8; c++) {
          const column = part * (channels / 8) + c;
          const added = given.finest?.[((token * 4 + pixel) * 4 + part) * (channels / 8) + c] ?? 0;
          const sum = first.reduce((all, value, k) => all + value * weight2(k, column), given.bias2[column] + added);
          for (let m = 0; m < MASKS; m++) logits[(m * side + y) * side + x] += gelu(sum) * given.hyper[c * MASKS + m];
        }
      }
    }
  }
  return logits;
}

describe.each(KERNELS)("%s", (name) => {
  test.each(SIZES)(
    "computes what plain loops compute: grid $grid, $channels channels, $rows rows, $isFiner",
    async (sizes) => {
      const given = problem(sizes);
      const logits = (await kernelOf(name, sizes, given, 1)).upscale(given);
      const expected = plainly(sizes, given);
      const worst = logits.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
      expect(worst).toBeLessThan(5e-5);
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.5);
    },
  );

  test("gives the same numbers with helpers, for prompts of changing size one after the other", async () => {
    const sizes = [0, 5, 40, 12].map((rows) => ({ grid: 8, channels: 64, rows }));
    const problems = sizes.map(problem);
    const alone = await kernelOf(name, sizes[0], problems[0], 1);
    const expected = problems.map((given) => alone.upscale(given));
    const helped = await kernelOf(name, sizes[0], problems[0], 3);
    for (let round = 0; round < 100; round++) {
      for (const [i, given] of problems.entries()) expect(helped.upscale(given)).toEqual(expected[i]);
    }
  });

  test("keeps an image's base from prompt to prompt, and takes another image's", async () => {
    const [sizes] = SIZES;
    const [one, other] = [problem(sizes), { ...problem(sizes), base: numbers(512, 20) }];
    const kernel = await kernelOf(name, sizes, one, 1);
    const first = kernel.upscale(one);
    expect(kernel.upscale(one)).toEqual(first);
    expect(kernel.upscale(other)).not.toEqual(first);
    expect(kernel.upscale(one)).toEqual(first);
  });
});
