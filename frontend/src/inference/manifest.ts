/** The browser model's manifest, checked. Written by sam_core/onnx/browser.py; contracts.md section 4 describes it. */
import { decodeCounts, RleError } from "../geometry/rle";
import { DecodeError } from "./errors";

export type GraphName = "prepare" | "first" | "refine";
/** `first` and `refine` up to the up-scaling. */
type RowsGraphName = "first_rows" | "refine_rows";

interface GraphFile {
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

export interface Manifest {
  readonly modelVersion: string;
  readonly imageSize: number;
  readonly maskSide: number;
  readonly embedDim: number;
  readonly grid: number;
  /** Whether clicks and boxes are drawn into the mask prompt (mask-prompt.ts). */
  readonly sketches: boolean;
  /** Whether a click's candidates are ranked by more than predicted IoU (candidates.ts). */
  readonly weighsClick: boolean;
  /** Whether masks lose their crumbs before they are shown, see specks.ts. */
  readonly dropsSpecks: boolean;
  /** Whether every click lies on its side of the mask that is shown and a box bounds it, see obeyed.ts. */
  readonly obeysPrompts: boolean;
  /** Whether masks follow the photo's edges, see edges.ts. */
  readonly snapsToEdges: boolean;
  /** Whether what is small is encoded once more from near by, see closer.ts. */
  readonly looksCloser: boolean;
  readonly graphs: Readonly<Record<GraphName, GraphFile>>;
  /** The graphs that end before the up-scaling, and its weights; null where the model has none. */
  readonly upscaling: { readonly file: string; readonly eps: number; readonly graphs: Manifest["graphs"] } | null;
  readonly golden: GoldenCase;
  readonly files: readonly ModelFile[];
}

const FORMAT = 1;

interface RawManifest {
  format: number;
  model_version: string;
  image_size: number;
  mask_side: number;
  embed_dim: number;
  grid: number;
  sketches?: boolean;
  weighs_click?: boolean;
  drops_specks?: boolean;
  obeys_prompts?: boolean;
  snaps_to_edges?: boolean;
  looks_closer?: boolean;
  graphs: Record<GraphName, GraphFile> & Partial<Record<RowsGraphName, GraphFile>>;
  upscaling?: { file: string; eps: number };
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
  const numbers = [raw?.image_size, raw?.mask_side, raw?.embed_dim, raw?.grid];
  const graphs: Partial<RawManifest["graphs"]> | undefined = raw?.graphs;
  const isWhole = graphs?.first && graphs.refine && graphs.prepare && raw?.golden && raw.files;
  if (raw?.format !== FORMAT || !isWhole || !numbers.every((value) => Number.isInteger(value) && value! > 0)) {
    throw new DecodeError("model_corrupt", "The model's manifest is incomplete or of another format.");
  }
  const whole = raw as RawManifest;
  return {
    modelVersion: whole.model_version,
    imageSize: whole.image_size,
    maskSide: whole.mask_side,
    embedDim: whole.embed_dim,
    grid: whole.grid,
    sketches: whole.sketches ?? false,
    weighsClick: whole.weighs_click ?? false,
    dropsSpecks: whole.drops_specks ?? false,
    obeysPrompts: whole.obeys_prompts ?? false,
    snapsToEdges: whole.snaps_to_edges ?? false,
    looksCloser: whole.looks_closer ?? false,
    graphs: whole.graphs,
    upscaling: parseUpscaling(whole),
    golden: parseGolden(whole.golden),
    files: whole.files,
  };
}

function parseUpscaling({ graphs, upscaling }: RawManifest): Manifest["upscaling"] {
  const { prepare, first_rows: first, refine_rows: refine } = graphs;
  return upscaling && first && refine ? { ...upscaling, graphs: { prepare, first, refine } } : null;
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
