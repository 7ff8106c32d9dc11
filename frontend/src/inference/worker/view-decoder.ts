/**
 * What answers need of an engine: to decode one view. Two there are: a model's graphs here, and the server, the last
 * resort, which has the embeddings itself.
 */
import type { LowResLogits, Prompt, Size } from "../../geometry/types";
import type { EmbeddingRef, RawAnswer } from "../../model/embedding-views";
import { decodeFlipped } from "../masks/flip";
import { fitToGrid, maskPromptFor } from "../masks/mask-prompt";
import { toTokens, type PromptTokens } from "../masks/prompt-tokens";
import { viewOf } from "../masks/views";
import type { Manifest } from "../protocol/manifest";
import type { ModelDecoder } from "./model-decoder";
import { decodeOnServer, type ServerOptions } from "./server-decoder";

export interface ViewQuestion {
  readonly prompts: readonly Prompt[];
  /** Of the whole photo, also for crops. */
  readonly originalSize: Size;
}

export interface ViewDecoder {
  /** Decode a view; `start`, the mask that it goes on from, and the answer are as the photo lies, also where it is flipped. */
  decode(view: EmbeddingRef, question: ViewQuestion, start: LowResLogits | null): Promise<RawAnswer>;
  /** Take an embedding file; returns the keys that had to be dropped for it. */
  prepare(key: string, npy: ArrayBuffer): Promise<string[]>;
  /** Get ready for refinements; not while another call runs. */
  complete(): Promise<void>;
}

/** An embedding that was not prepared, or had to go again. */
export class MissingView extends Error {
  constructor(readonly key: string) {
    super("The embedding was not prepared.");
  }
}

/** Decodes with a model's graphs. Views that are not prepared reject with MissingView. */
export class ModelViews implements ViewDecoder {
  constructor(
    private readonly manifest: Manifest,
    private readonly decoder: Pick<ModelDecoder, "holds" | "decode" | "prepare" | "complete">,
  ) {}

  async decode(view: EmbeddingRef, question: ViewQuestion, start: LowResLogits | null): Promise<RawAnswer> {
    if (!this.decoder.holds(view.key)) throw new MissingView(view.key);
    const { manifest } = this;
    const { geometry, maskSide } = manifest;
    const tokens = toTokens(question.prompts, question.originalSize, view.cropBox, geometry);
    const ask = (asked: PromptTokens, from: LowResLogits | null) =>
      this.decoder.decode(view.key, asked.coords, asked.labels, maskPromptFor(manifest, asked, from));
    if (!view.isFlipped) return ask(tokens, start);
    const flipped = viewOf(question.originalSize, view.cropBox, geometry);
    return decodeFlipped(ask, tokens, start && fitToGrid(start, maskSide), flipped.geometry, maskSide);
  }

  prepare(key: string, npy: ArrayBuffer): Promise<string[]> {
    return this.decoder.prepare(key, npy);
  }

  complete(): Promise<void> {
    return this.decoder.complete();
  }
}

/** Has the server decode: the same answer, one round trip away. */
export class ServerViews implements ViewDecoder {
  constructor(
    private readonly manifest: Manifest,
    private readonly options: ServerOptions,
  ) {}

  decode(embedding: EmbeddingRef, { prompts }: ViewQuestion, start: LowResLogits | null): Promise<RawAnswer> {
    const maskInput = start && fitToGrid(start, this.manifest.maskSide);
    return decodeOnServer({ embedding, prompts, maskInput }, this.options);
  }

  prepare = (): Promise<string[]> => Promise.resolve([]);
  complete = (): Promise<void> => Promise.resolve();
}
