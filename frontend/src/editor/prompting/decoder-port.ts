/** The part of inference/ that the editor counts on; a fake with the same shape stands in for it in tests. */
import type { ColumnMask } from "../../geometry/column-mask";
import type { BoxXyxy, LowResLogits, Size } from "../../geometry/types";
import type { DecodeRequest, DecodeResult } from "../../inference/protocol/types";
import type { Draft } from "../../model/draft";
import type { EmbeddingRef } from "../../model/embedding-views";

export interface Decoder {
  decode(request: DecodeRequest): Promise<DecodeResult>;
  /** The mask at the photo's own size that a candidate's logits stand for. */
  toMask(logits: LowResLogits, originalSize: Size, cropBox: BoxXyxy | null): Promise<ColumnMask>;
  /** A mask that a person painted or changed, as the logits that a prompt goes on from. */
  maskPrompt(mask: ColumnMask): LowResLogits;
  /** The crop that would show an answer larger; null where it would show hardly more, or this model uses none. */
  cropAround(answered: Draft, originalSize: Size): Promise<BoxXyxy | null>;
  /** Which views besides the whole photo this model's masks are made of. */
  readonly uses: { readonly flip: boolean; readonly crops: boolean };
  /** Whether a view can answer a click at once. */
  isReady(embedding: EmbeddingRef): boolean;
  prefetch(embedding: EmbeddingRef): void;
  /** This image is the open one: bring the model of its embedding, and the embedding itself. */
  use(embedding: EmbeddingRef): void;
}
