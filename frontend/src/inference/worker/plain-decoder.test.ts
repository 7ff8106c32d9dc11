/** The pinned runtime itself, in Node, through its public interface. */
import { InferenceSession, Tensor } from "onnxruntime-web";
import { describe, expect, test } from "vitest";

import type { Feed, Feeds } from "./decoder-backend";
import type { OrtLibrary } from "./ort-sessions";
import { PlainDecoder } from "./plain-decoder";

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, "base64"));
const library = { InferenceSession, Tensor } as OrtLibrary;
/** low_res_logits = float(image_embeddings) * w, in `refine` plus mask_input; predicted_iou = labels + sum of coords. */
const FILES = {
  graphs: {
    first: bytesOf(
      "CAg6oQMKJgoQaW1hZ2VfZW1iZWRkaW5ncxIBZiIEQ2FzdCoJCgJ0bxgBoAECChsKAWYKAXcSDmxvd19yZXNfbG9naXRzIgNNdWwKIgoMcG9pbn" +
        "RfbGFiZWxzEgFsIgRDYXN0KgkKAnRvGAGgAQIKLwoMcG9pbnRfY29vcmRzEgNzdW0iCVJlZHVjZVN1bSoPCghrZWVwZGltcxgAoAECChwKAWwK" +
        "A3N1bRINcHJlZGljdGVkX2lvdSIDQWRkEgFnKjYIAhABQgF3ahEKCGxvY2F0aW9uEgV3LmJpbmoLCgZvZmZzZXQSATBqCwoGbGVuZ3RoEgE4cA" +
        "FaIgoQaW1hZ2VfZW1iZWRkaW5ncxIOCgwIChIICgIIAQoCCAJaIwoMcG9pbnRfY29vcmRzEhMKEQgBEg0KAggBCgMSAW4KAggCWh8KDHBvaW50" +
        "X2xhYmVscxIPCg0IBhIJCgIIAQoDEgFuYiAKDmxvd19yZXNfbG9naXRzEg4KDAgBEggKAggBCgIIAmIgCg1wcmVkaWN0ZWRfaW91Eg8KDQgBEg" +
        "kKAggBCgMSAW5CBAoAEBE=",
    ),
    refine: bytesOf(
      "CAg64gMKJgoQaW1hZ2VfZW1iZWRkaW5ncxIBZiIEQ2FzdCoJCgJ0bxgBoAECChMKAWYKAXcSBnNjYWxlZCIDTXVsCikKBnNjYWxlZAoKbWFza1" +
        "9pbnB1dBIObG93X3Jlc19sb2dpdHMiA0FkZAoiCgxwb2ludF9sYWJlbHMSAWwiBENhc3QqCQoCdG8YAaABAgovCgxwb2ludF9jb29yZHMSA3N1" +
        "bSIJUmVkdWNlU3VtKg8KCGtlZXBkaW1zGACgAQIKHAoBbAoDc3VtEg1wcmVkaWN0ZWRfaW91IgNBZGQSAWcqNggCEAFCAXdqEQoIbG9jYXRpb2" +
        "4SBXcuYmluagsKBm9mZnNldBIBMGoLCgZsZW5ndGgSAThwAVoiChBpbWFnZV9lbWJlZGRpbmdzEg4KDAgKEggKAggBCgIIAlojCgxwb2ludF9j" +
        "b29yZHMSEwoRCAESDQoCCAEKAxIBbgoCCAJaHwoMcG9pbnRfbGFiZWxzEg8KDQgGEgkKAggBCgMSAW5aHAoKbWFza19pbnB1dBIOCgwIARIICg" +
        "IIAQoCCAJiIAoObG93X3Jlc19sb2dpdHMSDgoMCAESCAoCCAEKAggCYiAKDXByZWRpY3RlZF9pb3USDwoNCAESCQoCCAEKAxIBbkIECgAQEQ==",
    ),
  },
  weightsName: "w.bin",
  weights: new Uint8Array(Float32Array.of(2, 4).buffer),
};
const [ONE, TWO] = [0x3c00, 0x4000]; // float16
const EMBEDDING: Feeds = { image_embeddings: { type: "float16", data: Uint16Array.of(ONE, TWO), dims: [1, 2] } };
const MASK: Feed = { type: "float32", data: Float32Array.of(0.5, -0.5), dims: [1, 2] };

function clicks(...labels: number[]): Feeds {
  const count = labels.length;
  const coords = new Float32Array(2 * count).fill(0.25);
  return {
    point_coords: { type: "float32", data: coords, dims: [1, count, 2] },
    point_labels: { type: "int32", data: Int32Array.from(labels), dims: [1, count] },
  };
}

const open = () => PlainDecoder.open(library, FILES, "wasm", 1);

describe("plain graphs", () => {
  test("answer prompts without and with a mask, for any number of points", async () => {
    const decoder = await open();
    const image = await decoder.prepare(EMBEDDING);
    expect(image.bytes).toBe(4);
    const first = await decoder.decode(image, clicks(1, -1));
    expect([[...first.logits], [...first.predictedIou]]).toEqual([
      [2, 8],
      [2, 0],
    ]);
    const refined = await decoder.decode(image, { ...clicks(1, 0, 1, -1), mask_input: MASK });
    expect([[...refined.logits], [...refined.predictedIou]]).toEqual([
      [2.5, 7.5],
      [3, 2, 3, 1],
    ]);
  });

  test("give arrays that may be transferred", async () => {
    const decoder = await open();
    const image = await decoder.prepare(EMBEDDING);
    const { logits } = await decoder.decode(image, clicks(1));
    structuredClone(logits, { transfer: [logits.buffer] });
    expect([...(await decoder.decode(image, clicks(1))).logits]).toEqual([2, 8]);
  });

  test("refine after their files were let go, once that is prepared", async () => {
    const decoder = await open();
    await decoder.complete();
    const answer = await decoder.decode(await decoder.prepare(EMBEDDING), { ...clicks(1), mask_input: MASK });
    expect([...answer.logits]).toEqual([2.5, 7.5]);
  });

  test("say what is wrong", async () => {
    const decoder = await open();
    const image = await decoder.prepare({});
    await expect(decoder.decode(image, clicks(1))).rejects.toThrow(/image_embeddings/);
    const broken = { ...FILES, graphs: { ...FILES.graphs, first: Uint8Array.of(1, 2, 3) } };
    await expect(PlainDecoder.open(library, broken, "wasm", 1)).rejects.toThrow();
  });
});
