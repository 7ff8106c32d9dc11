/**
 * A closer look at what is small: after the answer at once, the part of the photo around it is encoded from near by,
 * and the answer becomes that of both views. More prompts are answered at once in the part, and then, as before, in
 * both. An extra: where it fails or comes too late, the answer at once stands.
 */
import type { BoxXyxy, Size } from "../geometry/types";
import type { Draft } from "../model/draft";
import { Store } from "../model/store";
import type { DecodeAnswer, DecodeQuestion, Decoder, EmbeddingSource } from "./decoder-port";

export interface CloserLookPort {
  readonly decoder: Decoder;
  /** The embedding of the photo (null) or of a part of it, if it is there. */
  embeddingOf(part: BoxXyxy | null): EmbeddingSource | null;
  /** The embedding of a part of the photo, made if need be; null when it does not come in good time. */
  embeddingOfPart(part: BoxXyxy, signal: AbortSignal): Promise<EmbeddingSource | null>;
  /** What was answered is seen better now: the answer lies in this part. */
  onSeen(answered: Draft, answer: DecodeAnswer, part: BoxXyxy): void;
}

type Question = Pick<DecodeQuestion, "embedding" | "maskInput" | "other">;

export class CloserLook {
  readonly isUnderWay = new Store(false);
  private running: AbortController | null = null;

  constructor(
    private readonly port: CloserLookPort,
    private readonly imageSize: Size,
  ) {}

  /** Look more closely at what was answered, if that shows more; one at a time. */
  begin(answered: Draft): void {
    this.stop();
    // A saved mask that is being refined has been looked at by a person.
    if (answered.targetId !== null || answered.candidates.length === 0) return;
    const part = answered.afar ? answered.cropBox : this.port.decoder.partToLookAt(answered, this.imageSize);
    if (part) void this.run(answered, part);
  }

  stop(): void {
    this.running?.abort();
    this.running = null;
    this.isUnderWay.set(false);
  }

  private async run(answered: Draft, part: BoxXyxy): Promise<void> {
    const run = new AbortController();
    this.running = run;
    this.isUnderWay.set(true);
    const { signal } = run;
    try {
      const question = answered.afar ? this.fromAfar(answered) : await this.fromNearBy(answered, part, signal);
      if (!question || signal.aborted) return;
      const { imageSize } = this;
      const { prompts } = answered;
      const answer = await this.port.decoder.decode({ kind: "click", imageSize, prompts, signal, ...question });
      if (this.running === run) this.port.onSeen(answered, answer, part);
    } catch {
      // The answer at once stands; a click meets the same trouble, and tells.
    } finally {
      if (this.running === run) this.stop();
    }
  }

  /** The first look: the same prompts, without a mask to start from. */
  private async fromNearBy(
    { cropBox, ...answered }: Draft,
    part: BoxXyxy,
    signal: AbortSignal,
  ): Promise<Question | null> {
    const [near, far] = [await this.port.embeddingOfPart(part, signal), this.port.embeddingOf(cropBox)];
    return near && far && { embedding: near, maskInput: null, other: { ...answered, embedding: far } };
  }

  /** Answered in the part already: the view from afar goes on from what it answered before. */
  private fromAfar({ cropBox, afar, ...answered }: Draft): Question | null {
    const [near, far] = [this.port.embeddingOf(cropBox), this.port.embeddingOf(afar?.cropBox ?? null)];
    const before = afar?.candidates.at(afar.chosen);
    return (
      near && far && { embedding: far, maskInput: before?.logits ?? null, other: { ...answered, embedding: near } }
    );
  }
}
