/** What the workspace says to the decoder and gets back. Points and boxes are in pixels of the upright photo. */
import type { MaskGeometry } from "../geometry/upsample";
import type { BoxXyxy, LowResLogits, PhotoCells, Prompt, Size } from "../geometry/types";

/** One embedding: of the whole photo (cropBox null) or of a part of it, seen plainly or in a mirror. */
export interface EmbeddingRef {
  /** `{image sha256}-{model_version}-{crop}-{dtype}`. */
  readonly key: string;
  readonly url: string;
  readonly imageId: number;
  readonly cropBox: BoxXyxy | null;
  readonly isMirrored: boolean;
}

export type EngineName = "webgpu" | "wasm-threads" | "wasm" | "server";

/** How an engine did on the golden case. */
export interface EngineTrial {
  readonly engine: EngineName;
  readonly isCorrect: boolean;
  readonly goldenIou: number;
  readonly medianMs: number;
  readonly threads: number;
}

export interface EngineInfo {
  readonly engine: EngineName;
  readonly threads: number;
  readonly modelVersion: string;
  readonly imageSize: number;
  /** Whether this model's answers gain by a closer look at what is small. */
  readonly looksCloser: boolean;
  readonly trials: readonly EngineTrial[];
  /** The engine that the user asked for, if any. */
  readonly override: EngineName | null;
}

export interface DecodeRequest {
  readonly kind: "hover" | "click";
  readonly embedding: EmbeddingRef;
  /** Of the whole photo, also when the embedding is of a crop. */
  readonly originalSize: Size;
  readonly prompts: readonly Prompt[];
  readonly maskInput: LowResLogits | null;
  /** What other views of the photo answered to the same prompts: all become one answer. */
  readonly seen?: readonly SeenView[];
  /** The candidate that was shown before a closer look; it stays unless another one is clearly better. */
  readonly kept?: number | null;
  /** Where the photo's colours come from, for models that look at its edges; nothing where it cannot be seen yet. */
  readonly photo?: PhotoSampler | null;
  readonly signal?: AbortSignal;
}

/** What is shown of an answer, and whether a person chose it: then it stays. */
export interface Shown {
  readonly chosen: number;
  readonly isChosenByHand: boolean;
}

/** A lone click that was answered. */
export interface AnsweredClick {
  readonly prompts: readonly Prompt[];
  readonly originalSize: Size;
  /** What each view gave, from afar to near, and what all gave together. */
  readonly seen: readonly SeenView[];
  readonly candidates: readonly Candidate[];
  readonly photo?: PhotoSampler | null;
  readonly signal: AbortSignal;
}

/** What second thoughts come to, for what is shown by then. */
export type Conclusion = (shown: Shown) => DecodeResult;

/** What one view gave by itself, in decoder order and as the photo lies, also where it was seen in a mirror. */
export interface SeenView {
  readonly embedding: EmbeddingRef;
  /** 4 x side x side. */
  readonly logits: Float32Array;
  readonly predictedIou: ArrayLike<number>;
}

/** The colours of the cells of `cellPx` model pixels on a photo, or on the part of it that was encoded. */
export type PhotoSampler = (part: BoxXyxy | null, geometry: MaskGeometry, cellPx: number) => PhotoCells | null;

export type PhotoView = Pick<DecodeRequest, "embedding" | "originalSize" | "photo">;

export interface Candidate {
  readonly index: number;
  readonly predictedIou: number;
  readonly stabilityScore: number;
  /** As decoded: the next mask prompt. */
  readonly logits: LowResLogits;
  /** What the mask is made of: the same, on the photo's edges, with prompts obeyed and without specks where the model asks for it. */
  readonly shown: LowResLogits;
}

export interface DecodeResult {
  readonly candidates: readonly Candidate[];
  /** Index of the candidate to show, as sam_core chooses. */
  readonly chosen: number;
  readonly decodeMs: number;
  readonly engine: EngineName;
  /** What each view gave, from afar to near. The answer is in the nearest. */
  readonly seen: readonly SeenView[];
}

export interface DecoderClient {
  /** Load a model and choose an engine; progress is told to `onProgress` of the client's options. */
  open(manifestUrl: string): Promise<EngineInfo>;
  /** Fetch an embedding ahead of its first click; failures wait for the click to be told. */
  prefetch(embedding: EmbeddingRef): void;
  /** Learn the edges of a photo ahead of its first click, for a model that snaps to them. */
  look(view: PhotoView): void;
  decode(request: DecodeRequest): Promise<DecodeResult>;
  /**
   * Ask every view again from each of its candidates, and show the three masks that stand best for all that a lone click
   * may mean; null where nothing is to be gained or it would take long.
   */
  thinkAgain(answered: AnsweredClick): Promise<Conclusion | null>;
  /** Use this engine from now on, or choose again (null). Remembered. */
  useEngine(engine: EngineName | null): Promise<EngineInfo>;
  close(): void;
}
