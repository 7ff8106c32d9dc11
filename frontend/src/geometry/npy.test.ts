import { describe, expect, it } from "vitest";

import { halfToNumber, NpyError, parseNpy } from "./npy";

function npyFile(header: string, data: readonly number[]): ArrayBuffer {
  const text = new TextEncoder().encode(header);
  return Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length, 0, ...text, ...data]).buffer;
}

const HALVES = "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 2), }\n";

describe("parseNpy", () => {
  it("reads float16 as bits, wherever the data start", () => {
    const file = parseNpy(npyFile(HALVES, [0x00, 0x3c, 0x00, 0xc0]));
    expect(file).toEqual({ dtype: "float16", shape: [1, 2], bits: Uint16Array.of(0x3c00, 0xc000) });
  });

  it("reads float32", () => {
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
    expect(parseNpy(npyFile(header, [0, 0, 0x80, 0x3f]))).toEqual({
      dtype: "float32",
      shape: [1],
      values: Float32Array.of(1),
    });
  });

  it.each([
    ["another file", new ArrayBuffer(64)],
    ["missing data", npyFile(HALVES, [0, 0])],
    ["surplus data", npyFile(HALVES, [0, 0, 0, 0, 0])],
    ["column order", npyFile(HALVES.replace("False", "True"), [0, 0, 0, 0])],
    ["other types", npyFile(HALVES.replace("<f2", "<i2"), [0, 0, 0, 0])],
  ])("refuses %s", (_, buffer) => {
    expect(() => parseNpy(buffer)).toThrow(NpyError);
  });
});

it.each([
  [0x0000, 0],
  [0x3c00, 1],
  [0xc000, -2],
  [0x3555, 0.333251953125],
  [0x0001, 5.960464477539063e-8],
  [0x7bff, 65504],
  [0xfc00, -Infinity],
])("half %i is %d", (bits, value) => {
  expect(halfToNumber(bits)).toBe(value);
});
