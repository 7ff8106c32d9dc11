/** Fetches a model's files and checks them against the manifest; a damaged one is fetched once more, past the cache. */
import { DecodeError } from "../inference/errors";
import { fileUrl, type Manifest, type ModelFile } from "../inference/manifest";
import type { ModelBytes } from "../inference/ort-decoder";

/** `upTo` says which of the graphs: the whole ones, or those that end before the up-scaling where the model has them. */
export async function loadModel(
  manifestUrl: string,
  manifest: Manifest,
  upTo: "masks" | "rows",
  get: typeof fetch,
): Promise<ModelBytes> {
  const upscaling = upTo === "rows" ? manifest.upscaling : null;
  const { prepare, first, refine } = (upscaling ?? manifest).graphs;
  const names = [prepare.file, first.file, refine.file, first.weights, ...(upscaling ? [upscaling.file] : [])];
  const files = await Promise.all(names.map((name) => loadFile(manifestUrl, manifest, name, get)));
  return {
    graphs: { prepare: files[0], first: files[1], refine: files[2] },
    weightsName: first.weights,
    weights: files[3],
    upscaling: upscaling ? { eps: upscaling.eps, weights: files[4] } : null,
  };
}

async function loadFile(manifestUrl: string, manifest: Manifest, name: string, get: typeof fetch): Promise<Uint8Array> {
  const url = fileUrl(manifestUrl, manifest, name);
  const expected = manifest.files.find((file) => file.name === name)!;
  const bytes = await download(url, "default", get);
  if (await isWhole(bytes, expected)) return bytes;
  const again = await download(url, "reload", get);
  if (await isWhole(again, expected)) return again;
  throw new DecodeError("model_corrupt", `${name} does not match its checksum.`);
}

async function download(url: string, cache: RequestCache, get: typeof fetch): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await get(url, { cache, credentials: "same-origin" });
  } catch (cause) {
    throw new DecodeError("model_missing", "The model could not be fetched.", { cause });
  }
  if (!response.ok) throw new DecodeError("model_missing", `The model was refused (${response.status}).`);
  return new Uint8Array(await response.arrayBuffer());
}

async function isWhole(bytes: Uint8Array, expected: ModelFile): Promise<boolean> {
  if (bytes.byteLength !== expected.bytes) return false;
  // Absent on plain-HTTP origins other than localhost; there the length has to do.
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;
  if (!subtle) return true;
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("") === expected.sha256;
}
