/** A prompting desk for tests: a real document and history, and a decoder that answers when told to. */
import { bitmapMask, drawing } from "../geometry/mask-fixtures";
import type { BoxXyxy } from "../geometry/types";
import { MaskDocument } from "../model/document";
import { noteHandEdit } from "../model/draft";
import { History } from "../model/history";
import type { EmbeddingSource } from "./decoder-port";
import { FakeDecoder } from "./fake-decoder";
import { Prompting } from "./prompting";

const SIZE = { width: 6, height: 2 };
export const PART: BoxXyxy = { x0: 1, y0: 0, x1: 3, y1: 2 };
export const WHOLE: EmbeddingSource = { imageId: 1, key: "k", url: "/k.npy", cropBox: null, isMirrored: false };
export const MIRROR: EmbeddingSource = { ...WHOLE, key: "mirror", isMirrored: true };
export const NEAR: EmbeddingSource = { ...WHOLE, key: "near", cropBox: PART };

export class PromptingBench {
  readonly document = new MaskDocument();
  readonly history = new History();
  readonly decoder = new FakeDecoder();
  readonly failures: unknown[] = [];
  /** The parts that were to be looked at; null: the whole photo. */
  readonly looked: (BoxXyxy | null)[] = [];
  /** What the next prompt is asked on. */
  embedding: EmbeddingSource | null = WHOLE;
  /** What a look gets instead of the embedding it wants. */
  arriving: Promise<EmbeddingSource | null> | null = null;
  step = 1;
  paint: Promise<void> = Promise.resolve();
  readonly prompting = new Prompting(
    {
      document: this.document,
      history: this.history,
      decoder: this.decoder,
      embeddingFor: () => this.embedding,
      embeddingToLookAt: ({ part }) => {
        this.looked.push(part);
        return this.arriving ?? Promise.resolve(part ? { ...NEAR, cropBox: part } : MIRROR);
      },
      onDecoded: () => undefined,
      onShown: () => undefined,
      onFailed: (error) => this.failures.push(error),
      onPreview: () => undefined,
      detailStep: () => 1,
      glimpseStep: () => this.step,
      afterPaint: () => this.paint,
    },
    SIZE,
  );

  topRow(): string | null {
    const mask = this.document.draft?.mask;
    return mask ? drawing(mask)[0] : null;
  }

  /** The draft's mask becomes what is drawn, by hand. */
  paintByHand(rows: readonly string[]): void {
    const { draft } = this.document;
    const after = draft?.mask && noteHandEdit(draft, draft.mask, bitmapMask(rows), { name: "paint", pixels: 1 });
    this.document.apply([{ kind: "draft", before: draft, after: after ?? null }], "local");
  }

  undo(): void {
    this.document.apply(this.history.undo(), "local");
  }

  redo(): void {
    this.document.apply(this.history.redo(), "local");
  }
}
