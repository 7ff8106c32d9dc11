/** A decoder for tests: answers when told to, with candidates whose masks are known. */
import { maskFromBitmap, sampleMask, type ColumnMask } from "../geometry/column-mask";
import type { LowResLogits, Size } from "../geometry/types";
import type { SampledMask } from "../geometry/upsample";
import type { Draft, DraftCandidate } from "../model/draft";
import { fromAfar } from "../inference/seen-views";
import type { Conclusion, DecodeAnswer, DecodeQuestion, Decoder, Look } from "./decoder-port";

const CHOSEN_BY_HAND = 1;

interface Waiting {
  readonly question: DecodeQuestion;
  resolve(answer: DecodeAnswer): void;
  reject(error: unknown): void;
}

export class FakeDecoder implements Decoder {
  readonly waiting: Waiting[] = [];
  readonly asked: DecodeQuestion[] = [];

  decode = (question: DecodeQuestion): Promise<DecodeAnswer> =>
    new Promise((resolve, reject) => {
      this.asked.push(question);
      this.waiting.push({ question, resolve, reject });
      question.signal.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });

  /** Logits stand for one pixel: their first value is its column on the top row. */
  toMask = (logits: LowResLogits, size: Size): ColumnMask => {
    const x = logits.data[0];
    return maskFromBitmap(Uint8Array.of(1), { x0: x, y0: 0, x1: x + 1, y1: 1 }, size);
  };

  toSampledMask = (logits: LowResLogits, size: Size, _cropBox: unknown, step: number): SampledMask => ({
    mask: sampleMask(this.toMask(logits, size), step),
    step,
  });

  /** Second thoughts that are under way; none come where there is nothing to think over. */
  readonly thinking: { readonly answered: Draft; readonly signal: AbortSignal; resolve(conclude: Conclusion): void }[] =
    [];
  thinksAgain = false;
  thinkAgain = (answered: Draft, _size: Size, signal: AbortSignal): Promise<Conclusion | null> =>
    this.thinksAgain
      ? new Promise((resolve) => this.thinking.push({ answered, signal, resolve }))
      : Promise.resolve(null);

  /** End the oldest second thoughts with four candidates, whose masks are the columns given; 1 is what a hand chose. */
  async think(columns: readonly number[], chosen: number): Promise<void> {
    const one = this.thinking.shift();
    if (!one) throw new Error("nothing is thought over");
    const { seen } = one.answered;
    one.resolve(({ isChosenByHand }) => {
      // what is chosen by hand takes another place
      const own = isChosenByHand ? CHOSEN_BY_HAND : chosen;
      return { candidates: candidatesOf(columns), chosen: own, decodeMs: 5, seen };
    });
    await settle();
  }

  /** What closer looks would look at, one after the other. */
  looks: Look[] = [];
  nextLook = ({ seen }: Pick<Draft, "seen">): Look | null =>
    seen.length > this.looks.length ? null : this.looks[seen.length - 1];
  looksCloser = (): boolean => this.looks.length > 0;
  prefetch = (): void => undefined;
  use = (): void => undefined;
  look = (): void => undefined;

  /** Answer the oldest question with four candidates, whose masks are the columns given. */
  async answer(columns: readonly number[] = [0, 1, 2, 3], chosen = 2): Promise<void> {
    const candidates = candidatesOf(columns);
    const asked = this.waiting.shift();
    if (!asked) throw new Error("nothing was asked");
    const { embedding, seen = [] } = asked.question;
    const own = { embedding, logits: Float32Array.from(columns), predictedIou: columns.map(() => 0.9) };
    asked.resolve({ candidates, chosen, decodeMs: 5, seen: [...seen, own].sort(fromAfar) });
    await settle();
  }
}

function candidatesOf(columns: readonly number[]): DraftCandidate[] {
  return columns.map((column, index) => ({
    index,
    predictedIou: 0.9 - index / 10,
    stabilityScore: 0.9,
    logits: { data: Float32Array.of(column), side: 1 },
    shown: { data: Float32Array.of(column), side: 1 },
  }));
}

/** Let everything that is ready to go on go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
