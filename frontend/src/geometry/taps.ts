/** Where each pixel of a bilinear resize reads, and with which weights: the same numbers as sam_core/masks/upsample.py. */

/** Output i is input i0[i] with weight w0[i] and input i1[i] with weight w1[i], in float32. */
export interface Taps {
  readonly i0: Int32Array;
  readonly i1: Int32Array;
  readonly w0: Float32Array;
  readonly w1: Float32Array;
}

const TAPS_KEPT = 32;
const keptTaps = new Map<string, Taps>();

/** The taps of a resize from inputs to outputs pixels, of the outputs in the middle of every `step` alone. */
export function tapsFor(inputs: number, outputs: number, step: number): Taps {
  const key = `${inputs}:${outputs}:${step}`;
  let taps = keptTaps.get(key);
  if (!taps) {
    if (keptTaps.size >= TAPS_KEPT) keptTaps.clear();
    taps = bilinearTaps(inputs, outputs, step);
    keptTaps.set(key, taps);
  }
  return taps;
}

function bilinearTaps(inputs: number, outputs: number, step: number): Taps {
  const half = step >> 1;
  const count = Math.max(0, Math.ceil((outputs - half) / step));
  const i0 = new Int32Array(count);
  const i1 = new Int32Array(count);
  const w0 = new Float32Array(count);
  const w1 = new Float32Array(count);
  const isIdentity = inputs === outputs;
  const scale = Math.fround(inputs / outputs);
  for (let i = 0; i < count; i++) {
    const d = i * step + half;
    const source = isIdentity ? d : Math.max(Math.fround(scale * (d + 0.5) - 0.5), 0);
    i0[i] = Math.min(Math.floor(source), inputs - 1);
    i1[i] = isIdentity ? d : Math.min(i0[i] + 1, inputs - 1);
    w1[i] = Math.min(Math.max(Math.fround(source - i0[i]), 0), 1);
    w0[i] = 1 - w1[i];
  }
  return { i0, i1, w0, w1 };
}
