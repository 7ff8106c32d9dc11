/** An embedding's file as the tensors that the manifest names: .npy for one, .npz for several (sam_core/embedding.py). */
import { NpyError, parseNpy, type NpyArray } from "../../geometry/npy";
import { isNpz, parseNpz } from "../../geometry/npz";
import { DecodeError } from "../protocol/errors";
import type { TensorSpec } from "../protocol/manifest";
import type { Feed, Feeds } from "./decoder-backend";

/** Read a file; throws DecodeError `embedding_missing` when it is damaged, `embedding_mismatch` for another model's. */
export function readEmbedding(file: ArrayBuffer, specs: readonly TensorSpec[]): Feeds {
  const arrays = arraysOf(file, specs);
  const found = specs.map(({ name, shape, dtype }): [string, Feed] => {
    const array = arrays.get(name);
    if (array?.dtype !== dtype || array.shape.join() !== shape.join()) {
      const got = array ? `shape ${array.shape.join(" x ")}` : "no such part";
      throw new DecodeError("embedding_mismatch", `The embedding's ${name} has ${got}.`);
    }
    return [name, feedOf(array)];
  });
  return Object.fromEntries(found);
}

function arraysOf(file: ArrayBuffer, specs: readonly TensorSpec[]): Map<string, NpyArray> {
  try {
    return isNpz(file) ? parseNpz(file) : new Map([[specs[0].name, parseNpy(file)]]);
  } catch (cause) {
    if (!(cause instanceof NpyError)) throw cause;
    throw new DecodeError("embedding_missing", `The embedding is damaged: ${cause.message}.`, { cause });
  }
}

function feedOf(array: NpyArray): Feed {
  const dims = array.shape;
  return array.dtype === "float16"
    ? { type: "float16", data: array.bits, dims }
    : { type: "float32", data: array.values, dims };
}
