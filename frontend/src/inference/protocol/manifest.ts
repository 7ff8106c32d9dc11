/** The browser model's manifest, checked. Written by sam_core/onnx/browser.py; contracts.md section 4 describes it. */
import { isGeometryName, type InputGeometry } from "../../geometry/photo-geometry";
import { decodeCounts, RleError } from "../../geometry/rle";
import type { EmbeddingRef } from "../../model/embedding-views";
import { DecodeError } from "./errors";
import { parsePolicy, type MaskPolicy, type RawPolicy } from "./mask-policy";

/** One tensor of a model's embeddings; dtype is the one that files hold. */
export interface TensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: "float16" | "float32";
}

/** `first` answers prompts without a mask prompt, `refine` those with one. */
export type GraphName = "first" | "refine";

export interface GraphFile {
  readonly file: string;
  readonly weights: string;
}

export interface GoldenCase {
  readonly seed: number;
  /** (x, y) in model pixels. */
  readonly point: readonly [number, number];
  readonly candidate: number;
  /** Column-major runs of the mask at low resolution. */
  readonly counts: readonly number[];
  readonly predictedIou: number;
}

export interface ModelFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What the accelerator (worker/accelerator/) needs; sam_core/onnx/accelerator/ writes it. */
export interface AcceleratorPart {
  readonly graphs: Readonly<Record<GraphName | "prepare", GraphFile>>;
  readonly upscaling: {
    readonly file: string;
    readonly eps: number;
    readonly channels: number;
    readonly grid: number;
  };
  /** Whether and when the single mask gives way to the best of the others (SAM 2.1). */
  readonly stable_single?: { readonly delta: number; readonly threshold: number };
}

export interface Manifest {
  readonly modelVersion: string;
  /** How photos become its input. */
  readonly geometry: InputGeometry;
  readonly maskSide: number;
  /** The tensors of one image's embedding. */
  readonly embedding: readonly TensorSpec[];
  /** Whether clicks and boxes are drawn into the mask prompt (mask-prompt.ts). */
  readonly sketches: boolean;
  /** What happens to its masks before they are shown. */
  readonly policy: MaskPolicy;
  readonly graphs: Readonly<Record<GraphName, GraphFile>>;
  /** Null where the model has none: the plain graphs do. */
  readonly accelerator: AcceleratorPart | null;
  readonly golden: GoldenCase;
  readonly files: readonly ModelFile[];
}

const FORMAT = 6;

interface RawManifest {
  format: number;
  model_version: string;
  image_size: number;
  geometry: string;
  mask_side: number;
  embedding: TensorSpec[];
  sketches?: boolean;
  policy: RawPolicy;
  graphs: Record<GraphName, GraphFile>;
  accelerator?: AcceleratorPart | null;
  golden: { seed: number; point: [number, number]; candidate: number; mask: RawMask; predicted_iou: number };
  files: ModelFile[];
}

interface RawMask {
  size: [number, number];
  counts: string;
}

/** Read a manifest; throws DecodeError `model_corrupt` when a part is missing or of another format. */
export function parseManifest(json: unknown): Manifest {
  const raw = json as Partial<RawManifest> | null;
  const numbers = [raw?.image_size, raw?.mask_side];
  const graphs: Partial<RawManifest["graphs"]> | undefined = raw?.graphs;
  const isWhole = graphs?.first && graphs.refine && raw?.golden && raw.files && raw.embedding?.length;
  const policy = parsePolicy(raw?.policy);
  if (typeof raw?.format === "number" && raw.format !== FORMAT) {
    throw new DecodeError(
      "model_corrupt",
      "The server has it in the format of another version; its admin starts the server again, which exports it anew.",
    );
  }
  const geometry = raw?.geometry;
  if (
    raw?.format !== FORMAT ||
    !policy ||
    !isGeometryName(geometry) ||
    !isWhole ||
    !numbers.every((value) => Number.isInteger(value) && value! > 0)
  ) {
    throw new DecodeError("model_corrupt", "The model's manifest is incomplete.");
  }
  const whole = raw as RawManifest;
  return {
    modelVersion: whole.model_version,
    geometry: { name: geometry, imageSize: whole.image_size },
    maskSide: whole.mask_side,
    embedding: whole.embedding,
    sketches: whole.sketches ?? false,
    policy,
    graphs: whole.graphs,
    accelerator: whole.accelerator ?? null,
    golden: parseGolden(whole.golden),
    files: whole.files,
  };
}

function parseGolden(golden: RawManifest["golden"]): GoldenCase {
  const [height, width] = golden.mask.size;
  try {
    const counts = decodeCounts(golden.mask.counts, { width, height });
    return {
      seed: golden.seed,
      point: golden.point,
      candidate: golden.candidate,
      counts,
      predictedIou: golden.predicted_iou,
    };
  } catch (cause) {
    if (!(cause instanceof RleError)) throw cause;
    throw new DecodeError("model_corrupt", "The model's golden mask is damaged.", { cause });
  }
}

/** Whether a model made an embedding. */
export function hasMade({ modelVersion }: Pick<Manifest, "modelVersion">, { key }: Pick<EmbeddingRef, "key">): boolean {
  return key.includes(`-${modelVersion}-`);
}

/** Where a file of the model is; its checksum makes the URL immutable. */
export function fileUrl(manifestUrl: string, manifest: Manifest, name: string): string {
  const file = manifest.files.find((entry) => entry.name === name);
  if (!file) throw new DecodeError("model_corrupt", `The manifest does not list ${name}.`);
  const url = new URL(name, manifestUrl);
  url.searchParams.set("v", file.sha256.slice(0, 16));
  return url.href;
}

/** Fetch a model's manifest; rejects with DecodeError `model_missing` or `model_corrupt`. */
export async function fetchManifest(url: string, get: typeof fetch): Promise<Manifest> {
  let response: Response;
  try {
    response = await get(url, { credentials: "same-origin" });
  } catch (cause) {
    throw new DecodeError("model_missing", "The model could not be fetched.", { cause });
  }
  if (!response.ok) throw new DecodeError("model_missing", `The model was refused (${response.status}).`);
  const json: unknown = await response.json().catch((cause: unknown) => {
    throw new DecodeError("model_corrupt", "The model's manifest is not JSON.", { cause });
  });
  return parseManifest(json);
}
