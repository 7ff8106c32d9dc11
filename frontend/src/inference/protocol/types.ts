/** What the workspace says to the decoder and gets back. Points and boxes are in pixels of the upright photo. */
import type { ColumnMask } from "../../geometry/column-mask";
import type { InputGeometry } from "../../geometry/photo-geometry";
import type { BoxXyxy, LowResLogits, Prompt, Size } from "../../geometry/types";
import type { SampledMask } from "../../geometry/upsample";
import type { Candidate, EmbeddingRef, DecodedView, PreviousMask, ViewStart } from "../../model/embedding-views";
import type { MaskPolicy } from "./mask-policy";

export type EngineName = "webgpu" | "wasm-threads" | "wasm" | "server";

/** How an engine did on the golden case. */
export interface EngineTrial {
  readonly engine: EngineName;
  /** Whether the model's accelerator answered, or its plain graphs. */
  readonly isAccelerated: boolean;
  readonly isCorrect: boolean;
  readonly goldenIou: number;
  readonly medianMs: number;
  readonly threads: number;
}

export interface EngineInfo {
  readonly engine: EngineName;
  readonly isAccelerated: boolean;
  readonly threads: number;
  readonly modelVersion: string;
  readonly geometry: InputGeometry;
  readonly policy: MaskPolicy;
  readonly trials: readonly EngineTrial[];
  /** The engine that the user asked for, if any. */
  readonly override: EngineName | null;
}

export interface DecodeRequest {
  readonly kind: "hover" | "click";
  /** What may be asked, the whole photo first: of the others those take part that the model's policy wants. */
  readonly views: readonly EmbeddingRef[];
  /** Of the whole photo, also for crops. */
  readonly originalSize: Size;
  readonly prompts: readonly Prompt[];
  /** The masks that the prompts refine, the whole photo's first; none for a first prompt. */
  readonly starts: readonly ViewStart[];
  /** What was shown before the last point, where that is what was added. */
  readonly before: PreviousMask | null;
  /** Whether every view takes part, however long that takes: somebody asked for it (Sharpen). */
  readonly isUnhurried?: boolean;
  /** The candidate to show; the model's own choice if none is named. */
  readonly chosen?: number;
  /** How coarsely its mask is looked at: the middle pixel of every `step` x `step`. */
  readonly step: number;
  /** Whether its exact pixels are wanted as well, before anything else is asked. */
  readonly isExact?: boolean;
  readonly signal?: AbortSignal;
}

export interface DecodeResult {
  readonly candidates: readonly Candidate[];
  /** Index of the candidate to show: the one that was asked for, else as sam_core chooses. */
  readonly chosen: number;
  readonly decodeMs: number;
  readonly engine: EngineName;
  /** What each view gave, from the whole photo to the closest crop, whose grid the answer has. */
  readonly decodedViews: readonly DecodedView[];
  /** The chosen candidate's mask, to look at; exact (step 1) where it lies in a crop. */
  readonly sampled: SampledMask;
  /** Its exact pixels; null where nobody asked for them. */
  readonly mask: Promise<ColumnMask> | null;
}

/** Logits whose mask at the photo's own size is wanted; they lie in a crop of it, or in all of it (null). */
export interface MaskQuestion {
  readonly logits: LowResLogits;
  readonly originalSize: Size;
  readonly cropBox: BoxXyxy | null;
}

/** An answer around which a crop would show more: its prompts, and its candidates in decoder order. */
export interface CropQuestion {
  readonly originalSize: Size;
  readonly cropBox: BoxXyxy | null;
  readonly prompts: readonly Prompt[];
  readonly candidates: readonly Pick<Candidate, "maskLogits">[];
}

export interface DecoderClient {
  /** Load a model and choose an engine; progress is told to `onProgress` of the client's options. */
  open(manifestUrl: string): Promise<EngineInfo>;
  /** Fetch an embedding ahead of its first click; failures wait for the click to be told. */
  prefetch(embedding: EmbeddingRef): void;
  /** Whether a view can answer a click at once. */
  isReady(embedding: EmbeddingRef): boolean;
  decode(request: DecodeRequest): Promise<DecodeResult>;
  /** The exact mask of a candidate. */
  mask(question: MaskQuestion): Promise<ColumnMask>;
  /** The crop that would show an answer larger; null where it would show hardly more. */
  cropAround(question: CropQuestion): Promise<BoxXyxy | null>;
  /** Use this engine from now on, or choose again (null). Remembered. */
  useEngine(engine: EngineName | null): Promise<EngineInfo>;
  close(): void;
}
