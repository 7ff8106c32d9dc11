/** A decoder for tests: answers when told to, with candidates whose masks are known. */
import { maskFromBitmap, sampleMask, type ColumnMask } from "../../geometry/column-mask";
import type { BoxXyxy, LowResLogits, Size } from "../../geometry/types";
import type { DecodeRequest, DecodeResult } from "../../inference/protocol/types";
import type { Candidate } from "../../model/embedding-views";
import type { Decoder } from "./decoder-port";

interface Waiting {
  readonly question: DecodeRequest;
  resolve(answer: DecodeResult): void;
  reject(error: unknown): void;
}

export class FakeDecoder implements Decoder {
  readonly waiting: Waiting[] = [];
  readonly asked: DecodeRequest[] = [];
  readonly uses = { flip: true, crops: true };
  /** The crop that would show more; null: there is no more detail. */
  crop: BoxXyxy | null = null;

  decode = (question: DecodeRequest): Promise<DecodeResult> =>
    new Promise((resolve, reject) => {
      this.asked.push(question);
      this.waiting.push({ question, resolve, reject });
      question.signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });

  toMask = (logits: LowResLogits, size: Size): Promise<ColumnMask> => Promise.resolve(pixelMask(logits, size));

  maskPrompt = (): LowResLogits => ({ data: Float32Array.of(-8), side: 1 });
  cropAround = (): Promise<BoxXyxy | null> => Promise.resolve(this.crop);
  isReady = (): boolean => true;
  prefetch = (): void => undefined;
  use = (): void => undefined;

  /** Answer the oldest question in all its views, with four candidates whose masks are the columns given. */
  async answer(columns: readonly number[] = [0, 1, 2, 3], chosen = 2): Promise<void> {
    const asked = this.waiting.shift();
    if (!asked) throw new Error("nothing was asked");
    const decodedViews = asked.question.views.map((embedding, i) => ({
      embedding,
      logits: Float32Array.from(columns, (column) => column + 10 * i),
      predictedIou: columns.map(() => 0.9),
    }));
    asked.resolve({
      ...shownOf(asked.question, candidatesOf(columns), chosen),
      decodeMs: 5,
      engine: "wasm",
      decodedViews,
    });
    await settle();
  }
}

/** Logits stand for one pixel: their first value is its column on the top row. */
function pixelMask({ data }: LowResLogits, size: Size): ColumnMask {
  const [x] = data;
  return maskFromBitmap(Uint8Array.of(1), { x0: x, y0: 0, x1: x + 1, y1: 1 }, size);
}

function shownOf(question: DecodeRequest, candidates: readonly Candidate[], likeliest: number) {
  const { step, isExact, originalSize } = question;
  const chosen = question.chosen ?? likeliest;
  const exact = pixelMask(candidates[chosen].maskLogits, originalSize);
  const sampled = { mask: sampleMask(exact, step), step };
  return { candidates, chosen, sampled, mask: isExact ? Promise.resolve(exact) : null };
}

function candidatesOf(columns: readonly number[]): Candidate[] {
  return columns.map((column, index) => ({
    index,
    predictedIou: 0.9 - index / 10,
    stabilityScore: 0.9,
    logits: { data: Float32Array.of(column), side: 1 },
    maskLogits: { data: Float32Array.of(column), side: 1 },
  }));
}

/** Let everything that is ready to go on go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
