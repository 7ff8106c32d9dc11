import { expect, test } from "vitest";
import { MANIFEST } from "../client/decoder-fakes";
import { parseManifest } from "./manifest";

test.each([5, 7])("a model of format %i says that the server has to export it anew", (format) => {
  expect(() => parseManifest({ ...MANIFEST, format })).toThrow(/exports it anew/);
});

test("a manifest without a part of it is incomplete", () => {
  expect(() => parseManifest({ ...MANIFEST, golden: undefined })).toThrow("incomplete");
  expect(() => parseManifest(null)).toThrow("incomplete");
});

test("the accelerator is a part that a model may lack", () => {
  const graph = { file: "a.onnx", weights: "a.bin" };
  const accelerator = {
    graphs: { prepare: graph, first: graph, refine: graph },
    upscaling: { file: "upscaling.bin", eps: 1e-6, channels: 32, grid: 4 },
  };
  expect(parseManifest({ ...MANIFEST, accelerator }).accelerator).toEqual(accelerator);
  expect(parseManifest({ ...MANIFEST, accelerator: null }).accelerator).toBeNull();
  expect(parseManifest({ ...MANIFEST, accelerator: undefined }).accelerator).toBeNull();
});

test("a model without embedding tensors is incomplete", () => {
  expect(() => parseManifest({ ...MANIFEST, embedding: [] })).toThrow("incomplete");
});
