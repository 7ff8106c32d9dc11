/** Prompting set up for tests: a real document and history, and a decoder that answers when told to. */
import { bitmapMask, drawing } from "../../geometry/mask-fixtures";
import type { BoxXyxy } from "../../geometry/types";
import { MaskDocument } from "../../model/document";
import { noteHandEdit } from "../../model/draft";
import type { EmbeddingRef } from "../../model/embedding-views";
import { History } from "../../model/history";
import type { Crop } from "./crop-embeddings";
import { FakeDecoder } from "./fake-decoder";
import { Prompting } from "./prompting";

const SIZE = { width: 6, height: 2 };
export const PART: BoxXyxy = { x0: 1, y0: 0, x1: 3, y1: 2 };
export const WHOLE: EmbeddingRef = { imageId: 1, key: "k", url: "/k.npy", cropBox: null, isFlipped: false };
export const FLIPPED: EmbeddingRef = { ...WHOLE, key: "flipped", isFlipped: true };
export const NEAR: EmbeddingRef = { ...WHOLE, key: "near", cropBox: PART };

export class PromptingBench {
  readonly document = new MaskDocument();
  readonly history = new History();
  readonly decoder = new FakeDecoder();
  readonly failures: unknown[] = [];
  /** What can answer at once. */
  views: EmbeddingRef[] = [WHOLE];
  /** What was asked for by hand, and what comes of it. */
  readonly fetched: Crop[] = [];
  arriving: (crop: Crop) => Promise<EmbeddingRef | null> = ({ box, isFlipped }) =>
    Promise.resolve({ ...NEAR, key: isFlipped ? "near flipped" : "near", cropBox: box, isFlipped });
  readonly nothing: string[] = [];
  step = 1;
  paint: Promise<void> = Promise.resolve();
  readonly prompting = new Prompting(
    {
      document: this.document,
      history: this.history,
      decoder: this.decoder,
      viewsFor: () => this.views,
      fetchCrop: async (crop) => {
        this.fetched.push(crop);
        const view = await this.arriving(crop);
        if (view) this.views = [...this.views, view];
        return view;
      },
      onNothingSharper: (reason) => this.nothing.push(reason),
      onDecoded: () => undefined,
      onShown: () => undefined,
      onFailed: (error) => this.failures.push(error),
      onPreview: () => undefined,
      detailStep: () => 1,
      samplingStep: () => this.step,
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
