import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { isNpz, parseNpz } from "./npz";

// written by sam_core (tests/contract/golden_embedding.py)
const bytes = readFileSync(new URL("../../../fixtures/golden/embedding/three.npz", import.meta.url));
const file = Uint8Array.from(bytes).buffer;

describe("parseNpz", () => {
  it("reads what numpy wrote", () => {
    expect(isNpz(file)).toBe(true);
    const arrays = parseNpz(file);
    expect([...arrays].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ["image_embeddings", "float16", [1, 2, 2, 2]],
      ["high_res_1", "float16", [1, 1, 4, 4]],
      ["high_res_0", "float32", [1, 1, 8, 8]],
    ]);
    const last = arrays.get("high_res_0")!;
    expect(last.dtype === "float32" && [...last.values]).toEqual(Array.from({ length: 64 }, (_, i) => i / 4));
  });

  it.each([
    ["cut off", file.slice(0, file.byteLength - 1), /whole/],
    ["something else", new ArrayBuffer(10), /whole/],
  ])("refuses a file that is %s", (_, damaged, message) => {
    expect(() => parseNpz(damaged)).toThrow(message);
  });

  it("refuses a directory that points outside of the file", () => {
    const damaged = file.slice(0);
    new DataView(damaged).setUint32(damaged.byteLength - 22 + 16, damaged.byteLength, true);
    expect(() => parseNpz(damaged)).toThrow("a part is missing");
  });

  it("refuses compressed arrays", () => {
    const damaged = file.slice(0);
    const view = new DataView(damaged);
    view.setUint16(view.getUint32(damaged.byteLength - 22 + 16, true) + 10, 8, true);
    expect(() => parseNpz(damaged)).toThrow("compressed");
  });
});
