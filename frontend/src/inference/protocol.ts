/**
 * Messages between the page and the decoder worker. The worker answers every request once, in order; what is to run
 * next is the page's business (decode-queue.ts). Big arrays are transferred, never copied.
 */
import type { DecodeErrorCode } from "./errors";
import type { Manifest } from "./manifest";
import type { EngineName, EngineTrial } from "./types";

export type LocalEngine = Exclude<EngineName, "server">;

export type WorkerRequest =
  | {
      readonly type: "open";
      readonly id: number;
      readonly manifestUrl: string;
      readonly manifest: Manifest;
      readonly engine: LocalEngine;
      readonly termsBudgetBytes: number;
      /** Skip the golden case: this engine has answered it rightly before, for this model in this browser. */
      readonly isKnown: boolean;
    }
  | {
      readonly type: "prepare";
      readonly id: number;
      readonly key: string;
      /** The embedding file; transferred. */
      readonly npy: ArrayBuffer;
    }
  | {
      readonly type: "decode";
      readonly id: number;
      readonly key: string;
      readonly coords: Float32Array;
      readonly labels: Int32Array;
      readonly maskInput: Float32Array | null;
    };

export type WorkerAnswer =
  | { readonly type: "opened"; readonly id: number; readonly trial: EngineTrial | null }
  | {
      readonly type: "prepared";
      readonly id: number;
      /** Keys the worker no longer holds, this one excepted. */
      readonly evicted: readonly string[];
    }
  | {
      readonly type: "decoded";
      readonly id: number;
      /** 4 x side x side, transferred. */
      readonly logits: Float32Array;
      readonly predictedIou: Float32Array;
      readonly decodeMs: number;
    }
  | { readonly type: "error"; readonly id: number; readonly code: DecodeErrorCode; readonly message: string };

export type AnswerTo<R extends WorkerRequest> = Extract<
  WorkerAnswer,
  { type: { open: "opened"; prepare: "prepared"; decode: "decoded" }[R["type"]] }
>;

/** The arrays of a message that change hands with it. */
export function transferablesOf(message: WorkerRequest | WorkerAnswer): Transferable[] {
  switch (message.type) {
    case "prepare":
      return [message.npy];
    case "decoded":
      return [message.logits.buffer, message.predictedIou.buffer];
    case "open":
    case "decode":
    case "opened":
    case "prepared":
    case "error":
      return [];
  }
}
