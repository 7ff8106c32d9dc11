/**
 * The decoder's up-scaling, tile by tile: from the image tokens as rows on a base to the logits of four masks.
 *
 * AssemblyScript, compiled to WebAssembly by `npm run kernels`. It works in the memory of ONNX Runtime, on what a rows
 * graph has left there, and has no memory, no heap and no stack of its own: threads share everything but their scratch.
 * sam_core/onnx/accelerator/upscaling.py states what it computes. C are the decoder's channels, N = grid * grid image tokens.
 *
 * Lanes are tokens. A tile of 16 is multiplied, normalised, activated and multiplied again while it lies in the first
 * cache. The products keep 4 channels of 8 tokens in registers; with relaxed SIMD each multiply-add is one instruction.
 */

/**
 * What to compute and where it lies, in the order in which src/inference/worker/accelerator/upscale-kernel.ts writes it,
 * 4 bytes a field.
 */
@unmanaged
class Job {
  grid: usize;
  channels: usize;
  /** R + 1: the rows and the constant one. */
  rowCount: usize;
  eps: f32;
  /** R x N. */
  rows: usize;
  /** 1 x N. */
  baseScale: usize;
  /** 1 x N. */
  scale: usize;
  /** N x C, the image's term. */
  base: usize;
  /** N x C and 16 N x C/8, SAM 2.1's finer features, added to the two products; 0 for models without. */
  finer: usize;
  finest: usize;
  /** C/4 x (R + 1) x 4. */
  coefficients: usize;
  /** C/8 x 4. */
  hyper: usize;
  /** C/4 and C/4: squares to variance, bias of the first activation; C/2: bias of the second. */
  shares: usize;
  bias1: usize;
  bias2: usize;
  /** C/2/4 x C/4 x 4. */
  weight2: usize;
  /** 4 x 4 grid x 4 grid. */
  logits: usize;
  /** A piece for each thread. */
  scratch: usize;
  scratchBytes: usize;
  /** Counts jobs; helpers wait for it to change. */
  generation: i32;
  /** Tiles not taken yet; may go below zero. */
  left: i32;
  /** Helpers at work. */
  busy: i32;
}

const GENERATION = offsetof<Job>("generation");
const LEFT = offsetof<Job>("left");
const BUSY = offsetof<Job>("busy");
const TILE: usize = 16; // tokens
const TILE_BYTES: usize = 64;
const HALF_BYTES: usize = 32; // as many tokens as are multiplied together
const COLUMN: usize = 4; // channels
const COLUMN_BYTES: usize = 16;
const PIXELS: usize = 4; // that one token becomes at first
const PARTS: usize = 4; // that each of these becomes then
const MASKS: usize = 4;
const BUSY_CHECK_NS: i64 = 50_000;

@inline
function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

@inline
function tokens(job: Job): usize {
  return job.grid * job.grid;
}

/**
 * x times the normal distribution up to x, by x (1/2 + z P(z^2) / Q(z^2)) with z = x held within +-5.2; off by at most
 * 3e-6 max(1, |x|). P and Q fitted to the error function.
 */
@inline
function gelu(x: v128): v128 {
  const z = f32x4.pmin(f32x4.splat(5.2), f32x4.pmax(f32x4.splat(-5.2), x));
  const u = f32x4.mul(z, z);
  let p = madd(f32x4.splat(6.75052851256884e-5), u, f32x4.splat(0.004407641144877374));
  p = madd(p, u, f32x4.splat(0.029663130870126956));
  p = madd(p, u, f32x4.splat(0.3989713560663618));
  let q = madd(f32x4.splat(4.4392571335880054e-6), u, f32x4.splat(0.0015657725289024828));
  q = madd(q, u, f32x4.splat(0.026033232782131113));
  q = madd(q, u, f32x4.splat(0.24123948869968062));
  q = madd(q, u, f32x4.splat(1));
  return f32x4.mul(x, madd(z, f32x4.div(p, q), f32x4.splat(0.5)));
}

/** Copy the tile's columns of the rows, divided by the base's scale, to (R + 1) x 16, the constant row last. */
function packRows(job: Job, first: usize, packed: usize): void {
  const stride = tokens(job) << 2;
  const baseScale = job.baseScale + (first << 2);
  const one = f32x4.splat(1);
  const s0 = f32x4.div(one, v128.load(baseScale));
  const s1 = f32x4.div(one, v128.load(baseScale, 16));
  const s2 = f32x4.div(one, v128.load(baseScale, 32));
  const s3 = f32x4.div(one, v128.load(baseScale, 48));
  const last = packed + (job.rowCount - 1) * TILE_BYTES;
  let from = job.rows + (first << 2);
  for (let to = packed; to < last; to += TILE_BYTES) {
    v128.store(to, f32x4.mul(v128.load(from), s0));
    v128.store(to, f32x4.mul(v128.load(from, 16), s1), 16);
    v128.store(to, f32x4.mul(v128.load(from, 32), s2), 32);
    v128.store(to, f32x4.mul(v128.load(from, 48), s3), 48);
    from += stride;
  }
  const scale = job.scale + (first << 2);
  v128.store(last, f32x4.div(s0, v128.load(scale)));
  v128.store(last, f32x4.div(s1, v128.load(scale, 16)), 16);
  v128.store(last, f32x4.div(s2, v128.load(scale, 32)), 32);
  v128.store(last, f32x4.div(s3, v128.load(scale, 48)), 48);
}

/**
 * sums (4 x 8, rows TILE_BYTES apart) += weights^T (K x 4, up to `end`) @ x (K x 8, rows TILE_BYTES apart).
 * Nearly all of the time goes into this loop: 8 sums, 6 loads and 8 multiply-adds a turn.
 */
function accumulate(sums: usize, weights: usize, end: usize, x: usize): void {
  let a0 = v128.load(sums);
  let a1 = v128.load(sums, 16);
  let b0 = v128.load(sums, TILE_BYTES);
  let b1 = v128.load(sums, TILE_BYTES + 16);
  let c0 = v128.load(sums, 2 * TILE_BYTES);
  let c1 = v128.load(sums, 2 * TILE_BYTES + 16);
  let d0 = v128.load(sums, 3 * TILE_BYTES);
  let d1 = v128.load(sums, 3 * TILE_BYTES + 16);
  for (; weights < end; weights += COLUMN_BYTES) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    let weight = v128.load_splat<f32>(weights);
    a0 = madd(weight, x0, a0);
    a1 = madd(weight, x1, a1);
    weight = v128.load_splat<f32>(weights, 4);
    b0 = madd(weight, x0, b0);
    b1 = madd(weight, x1, b1);
    weight = v128.load_splat<f32>(weights, 8);
    c0 = madd(weight, x0, c0);
    c1 = madd(weight, x1, c1);
    weight = v128.load_splat<f32>(weights, 12);
    d0 = madd(weight, x0, d0);
    d1 = madd(weight, x1, d1);
    x += TILE_BYTES;
  }
  v128.store(sums, a0);
  v128.store(sums, a1, 16);
  v128.store(sums, b0, TILE_BYTES);
  v128.store(sums, b1, TILE_BYTES + 16);
  v128.store(sums, c0, 2 * TILE_BYTES);
  v128.store(sums, c1, 2 * TILE_BYTES + 16);
  v128.store(sums, d0, 3 * TILE_BYTES);
  v128.store(sums, d1, 3 * TILE_BYTES + 16);
}

/** Copy four channels of four tokens, `stride` bytes from token to token, to rows of tokens TILE_BYTES apart. */
@inline
function transpose(from: usize, stride: usize, to: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride);
  const d = v128.load(from + 3 * stride);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const abUpper = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdUpper = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
  v128.store(to, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7), TILE_BYTES);
  v128.store(to, v128.shuffle<f32>(abUpper, cdUpper, 0, 1, 4, 5), 2 * TILE_BYTES);
  v128.store(to, v128.shuffle<f32>(abUpper, cdUpper, 2, 3, 6, 7), 3 * TILE_BYTES);
}

/** Add four channels of four tokens, times the factor of each token, to what `transpose` would write. */
@inline
function addTransposed(from: usize, stride: usize, factor: v128, to: usize): void {
  const a = v128.load(from);
  const b = v128.load(from + stride);
  const c = v128.load(from + 2 * stride);
  const d = v128.load(from + 3 * stride);
  const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const abUpper = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdUpper = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  addTo(to, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), factor);
  addTo(to + TILE_BYTES, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7), factor);
  addTo(to + 2 * TILE_BYTES, v128.shuffle<f32>(abUpper, cdUpper, 0, 1, 4, 5), factor);
  addTo(to + 3 * TILE_BYTES, v128.shuffle<f32>(abUpper, cdUpper, 2, 3, 6, 7), factor);
}

@inline
function addTo(at: usize, value: v128, factor: v128): void {
  v128.store(at, madd(value, factor, v128.load(at)));
}

/** pixels (C x 16) = base + finer / both scales + coefficients^T @ packed. */
function firstProduct(job: Job, first: usize, packed: usize, pixels: usize): void {
  const columnBytes = job.rowCount * COLUMN_BYTES;
  const stride = job.channels << 2;
  const end = job.coefficients + (job.channels / COLUMN) * columnBytes;
  const factors = packed + (job.rowCount - 1) * TILE_BYTES; // the constant row
  let base = job.base + first * stride;
  let finer = job.finer + first * stride;
  let to = pixels;
  for (let column = job.coefficients; column < end; column += columnBytes) {
    for (let four: usize = 0; four < TILE_BYTES; four += 16) {
      const token = (four >> 2) * stride;
      transpose(base + token, stride, to + four);
      if (job.finer) addTransposed(finer + token, stride, v128.load(factors + four), to + four);
    }
    accumulate(to, column, column + columnBytes, packed);
    accumulate(to + HALF_BYTES, column, column + columnBytes, packed + HALF_BYTES);
    base += COLUMN_BYTES;
    finer += COLUMN_BYTES;
    to += COLUMN * TILE_BYTES;
  }
}

/** Divide the channels of each pixel by their deviation and activate them, in place. */
function normalise(job: Job, first: usize, pixels: usize): void {
  const channels = job.channels / PIXELS;
  for (let four: usize = 0; four < TILE_BYTES; four += 16) {
    const place = (first << 2) + four;
    const both = f32x4.mul(v128.load(job.scale + place), v128.load(job.baseScale + place));
    const eps = f32x4.div(f32x4.splat(job.eps), f32x4.mul(both, both));
    for (let pixel: usize = 0; pixel < PIXELS; pixel++) {
      const from = pixels + pixel * channels * TILE_BYTES + four;
      let variance = eps;
      for (let c: usize = 0; c < channels; c++) {
        const x = v128.load(from + c * TILE_BYTES);
        variance = madd(f32x4.mul(x, x), v128.load_splat<f32>(job.shares + (c << 2)), variance);
      }
      const factor = f32x4.div(f32x4.splat(1), f32x4.sqrt(variance));
      for (let c: usize = 0; c < channels; c++) {
        const at = from + c * TILE_BYTES;
        v128.store(at, gelu(madd(v128.load(at), factor, v128.load_splat<f32>(job.bias1 + (c << 2)))));
      }
    }
  }
}

/**
 * The second product, its activation and the masks: each of a token's 4 pixels becomes 2 x 2, a part each, with C/8
 * channels, and those become 4 logits. `column` holds 4 channels and `masks` 4 logits of 16 tokens each.
 */
function secondProduct(job: Job, first: usize, pixels: usize, column: usize, masks: usize): void {
  const inputs = job.channels / PIXELS;
  const columns = job.channels / (PARTS * 2 * COLUMN); // of a part
  const columnBytes = inputs * COLUMN_BYTES;
  for (let part: usize = 0; part < PARTS; part++) {
    for (let pixel: usize = 0; pixel < PIXELS; pixel++) {
      const x = pixels + pixel * inputs * TILE_BYTES;
      memory.fill(masks, 0, MASKS * TILE_BYTES);
      let hyper = job.hyper;
      for (let i = part * columns; i < (part + 1) * columns; i++) {
        const weights = job.weight2 + i * columnBytes;
        fillRows(column, job.bias2 + i * COLUMN_BYTES);
        if (job.finest) addFinest(job, first, pixel * PARTS + part, i - part * columns, column);
        accumulate(column, weights, weights + columnBytes, x);
        accumulate(column + HALF_BYTES, weights, weights + columnBytes, x + HALF_BYTES);
        for (let four: usize = 0; four < TILE_BYTES; four += 16) ontoMasks(hyper, column + four, masks + four);
        hyper += COLUMN * COLUMN_BYTES;
      }
      place(job, first, pixel, part, masks);
    }
  }
}

/** Add four channels of the finest features of one cell of 16 tokens. */
function addFinest(job: Job, first: usize, cell: usize, channelColumn: usize, column: usize): void {
  const cellBytes = job.channels >> 1; // C/8 channels of 4 bytes
  const stride = PIXELS * PARTS * cellBytes;
  const from = job.finest + first * stride + cell * cellBytes + channelColumn * COLUMN_BYTES;
  const one = f32x4.splat(1);
  for (let four: usize = 0; four < TILE_BYTES; four += 16) {
    addTransposed(from + (four >> 2) * stride, stride, one, column + four);
  }
}

/** Fill four rows of 16 with a number each. */
@inline
function fillRows(rows: usize, numbers: usize): void {
  for (let i: usize = 0; i < COLUMN; i++) {
    const number = v128.load_splat<f32>(numbers + (i << 2));
    for (let byte: usize = 0; byte < TILE_BYTES; byte += 16) v128.store(rows + i * TILE_BYTES + byte, number);
  }
}

/** Activate four channels of four tokens and add their share to the tokens' masks; hyper is 4 channels x 4 masks. */
@inline
function ontoMasks(hyper: usize, column: usize, masks: usize): void {
  const a = gelu(v128.load(column));
  const b = gelu(v128.load(column, TILE_BYTES));
  const c = gelu(v128.load(column, 2 * TILE_BYTES));
  const d = gelu(v128.load(column, 3 * TILE_BYTES));
  for (let mask: usize = 0; mask < MASKS; mask++) {
    const weight = hyper + (mask << 2);
    let sum = v128.load(masks + mask * TILE_BYTES);
    sum = madd(v128.load_splat<f32>(weight), a, sum);
    sum = madd(v128.load_splat<f32>(weight, 16), b, sum);
    sum = madd(v128.load_splat<f32>(weight, 32), c, sum);
    sum = madd(v128.load_splat<f32>(weight, 48), d, sum);
    v128.store(masks + mask * TILE_BYTES, sum);
  }
}

/** Write the logits of one pixel and part of each token: two bits y x each, of the token's 4 x 4. */
function place(job: Job, first: usize, pixel: usize, part: usize, masks: usize): void {
  const grid = job.grid;
  const side: usize = 4 * grid;
  const y = (pixel & 2) + (part >> 1);
  const x = ((pixel & 1) << 1) + (part & 1);
  for (let i: usize = 0; i < TILE; i++) {
    const token = first + i;
    let at = job.logits + ((((token / grid) * 4 + y) * side + (token % grid) * 4 + x) << 2);
    for (let mask: usize = 0; mask < MASKS; mask++) {
      store<f32>(at, load<f32>(masks + mask * TILE_BYTES + (i << 2)));
      at += (side * side) << 2;
    }
  }
}

/** Take tiles until none is left. */
function work(address: usize, thread: usize): void {
  const job = changetype<Job>(address);
  for (;;) {
    const left = atomic.sub<i32>(address + LEFT, 1);
    if (left <= 0) return;
    const first = <usize>(left - 1) * TILE;
    const masks = job.scratch + thread * job.scratchBytes;
    const column = masks + MASKS * TILE_BYTES;
    const pixels = column + COLUMN * TILE_BYTES;
    const packed = pixels + job.channels * TILE_BYTES;
    packRows(job, first, packed);
    firstProduct(job, first, packed, pixels);
    normalise(job, first, pixels);
    secondProduct(job, first, pixels, column, masks);
  }
}

/** Bytes of scratch that a thread needs. */
export function scratchBytes(channels: usize, rowCount: usize): usize {
  return (MASKS + COLUMN + channels + rowCount) * TILE_BYTES;
}

/** Compute a job together with the helpers; the caller is thread 0. */
export function run(address: usize): void {
  const job = changetype<Job>(address);
  atomic.store<i32>(address + LEFT, <i32>(tokens(job) / TILE));
  atomic.add<i32>(address + GENERATION, 1);
  atomic.notify(address + GENERATION, -1);
  work(address, 0);
  settle(address);
}

/** Wait until no helper works; only then may the job be written. */
export function settle(address: usize): void {
  for (;;) {
    const busy = atomic.load<i32>(address + BUSY);
    if (busy == 0) return;
    atomic.wait<i32>(address + BUSY, busy, BUSY_CHECK_NS);
  }
}

/** Wait for jobs and compute tiles of them; never returns. */
export function serve(address: usize, thread: usize): void {
  let seen = 0;
  for (;;) {
    atomic.wait<i32>(address + GENERATION, seen, -1);
    seen = atomic.load<i32>(address + GENERATION);
    atomic.add<i32>(address + BUSY, 1);
    work(address, thread);
    if (atomic.sub<i32>(address + BUSY, 1) == 1) atomic.notify(address + BUSY, 1);
  }
}
