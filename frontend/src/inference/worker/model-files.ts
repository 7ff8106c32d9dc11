/** Fetches a model's files and checks them against the manifest; a damaged one is fetched once more, past the cache. */
import { sha256Of } from "../../platform/digests";
import { DecodeError } from "../protocol/errors";
import { fileUrl, type GraphFile, type Manifest, type ModelFile } from "../protocol/manifest";

/** Fetches one of the model's files by its name; rejects with DecodeError `model_missing` or `model_corrupt`. */
export type LoadFile = (name: string) => Promise<Uint8Array>;

/** Graphs that share one file of weights. */
export interface GraphBytes<Name extends string> {
  readonly graphs: Readonly<Record<Name, Uint8Array>>;
  readonly weightsName: string;
  readonly weights: Uint8Array;
}

export function fileLoader(manifestUrl: string, manifest: Manifest, get: typeof fetch): LoadFile {
  return (name) => loadFile(manifestUrl, manifest, name, get);
}

export async function loadGraphs<Name extends string>(
  graphs: Readonly<Record<Name, GraphFile>>,
  load: LoadFile,
): Promise<GraphBytes<Name>> {
  const entries = Object.entries<GraphFile>(graphs);
  const weightsName = entries[0][1].weights;
  const [weights, ...files] = await Promise.all([load(weightsName), ...entries.map(([, { file }]) => load(file))]);
  const byName = Object.fromEntries(entries.map(([name], i) => [name, files[i]])) as Record<Name, Uint8Array>;
  return { graphs: byName, weightsName, weights };
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
  const found = await sha256Of(bytes as Uint8Array<ArrayBuffer>);
  // Where the browser computes none, the length has to do; the golden case is decoded all the same.
  return found === null || found === expected.sha256;
}
