/**
 * Messages between the page and the decoder worker. The worker answers every request once, in order; what is to run
 * next is the page's business (client/decode-queue.ts). Big arrays are transferred, never copied.
 */
import type { ColumnMask } from "../../geometry/column-mask";
import type { BoxXyxy, LowResLogits } from "../../geometry/types";
import type { SampledMask } from "../../geometry/upsample";
import type { Candidate, DecodedView } from "../../model/embedding-views";
import type { DecodeErrorCode } from "./errors";
import type { Manifest } from "./manifest";
import type { CropQuestion, DecodeRequest, EngineName, EngineTrial, MaskQuestion } from "./types";

export type LocalEngine = Exclude<EngineName, "server">;

/** Where the server decodes: the root of the HTTP API, and the CSRF token for it. */
export interface ServerAddress {
  readonly api: string;
  readonly csrf: string;
}

/** A prompt as the worker answers it. */
export interface Question extends Pick<
  DecodeRequest,
  "views" | "originalSize" | "prompts" | "starts" | "before" | "chosen" | "step" | "isExact"
> {
  /** A question asked again has the same number: what was decoded of it is not decoded once more. */
  readonly number: number;
  /** How many views may answer, settled when the prompt comes. */
  readonly mostViews: number;
}

/** What the worker makes of a prompt. */
export interface Answered {
  readonly candidates: readonly Candidate[];
  readonly chosen: number;
  readonly decodedViews: readonly DecodedView[];
  readonly sampled: SampledMask;
  /** Milliseconds of each view, in the order of `decodedViews`. */
  readonly viewMs: readonly number[];
}

export type WorkerRequest =
  | {
      readonly type: "open";
      readonly id: number;
      readonly manifestUrl: string;
      readonly manifest: Manifest;
      readonly engine: EngineName;
      readonly server: ServerAddress;
      /** For embeddings that are ready. */
      readonly budgetBytes: number;
      /** An earlier right trial of this engine, model and browser: spares the golden case if the same graphs open. */
      readonly known: Pick<EngineTrial, "isAccelerated"> | null;
    }
  | {
      readonly type: "prepare";
      readonly id: number;
      readonly key: string;
      /** The embedding file; transferred. */
      readonly npy: ArrayBuffer;
    }
  | { readonly type: "answer"; readonly id: number; readonly question: Question }
  | { readonly type: "mask"; readonly id: number; readonly question: MaskQuestion }
  | { readonly type: "crop"; readonly id: number; readonly question: CropQuestion };

export type WorkerAnswer =
  | { readonly type: "opened"; readonly id: number; readonly trial: EngineTrial | null }
  | {
      readonly type: "prepared";
      readonly id: number;
      /** Keys the worker no longer holds, this one excepted. */
      readonly evicted: readonly string[];
    }
  | ({ readonly type: "answered"; readonly id: number } & Answered)
  /** A view that the answer needs was not prepared: prepare it and ask again. */
  | { readonly type: "missing"; readonly id: number; readonly key: string }
  | { readonly type: "masked"; readonly id: number; readonly mask: ColumnMask }
  | { readonly type: "framed"; readonly id: number; readonly box: BoxXyxy | null }
  | { readonly type: "error"; readonly id: number; readonly code: DecodeErrorCode; readonly message: string };

interface AnswerTypes {
  open: "opened";
  prepare: "prepared";
  answer: "answered" | "missing";
  mask: "masked";
  crop: "framed";
}

export type AnswerTo<R extends WorkerRequest> = Extract<WorkerAnswer, { type: AnswerTypes[R["type"]] }>;

/** The arrays of a message that change hands with it, each once. */
export function transferablesOf(message: WorkerRequest | WorkerAnswer): Transferable[] {
  switch (message.type) {
    case "prepare":
      return [message.npy];
    case "answer":
      return buffersOf([...message.question.starts.map(({ logits }) => logits), message.question.before?.logits]);
    case "mask":
      return buffersOf([message.question.logits]);
    case "crop":
      return buffersOf(message.question.candidates.map(({ maskLogits }) => maskLogits));
    case "answered":
      return [...new Set([...answerBuffers(message), ...maskBuffers(message.sampled.mask)])];
    case "masked":
      return maskBuffers(message.mask);
    case "open":
    case "opened":
    case "prepared":
    case "missing":
    case "framed":
    case "error":
      return [];
  }
}

function answerBuffers({ decodedViews, candidates }: Answered): ArrayBuffer[] {
  const logits = candidates.flatMap(({ logits: own, maskLogits }) => [own.data, maskLogits.data]);
  return [...decodedViews.map((view) => view.logits), ...logits].map(({ buffer }) => buffer as ArrayBuffer);
}

function buffersOf(logits: readonly (LowResLogits | undefined)[]): Transferable[] {
  return [...new Set(logits.flatMap((one) => one?.data.buffer ?? []))] as ArrayBuffer[];
}

function maskBuffers({ offsets, runs }: ColumnMask): ArrayBuffer[] {
  return [offsets.buffer, runs.buffer] as ArrayBuffer[];
}
