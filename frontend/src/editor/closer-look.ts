/**
 * A closer look at what is small: after the answer at once, the part of the photo around it is encoded from near by,
 * and the answer becomes that of both views; a part of a large photo may be looked at like this again. More prompts are answered at once in the part, and then, as before, in
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
  /** What was answered is seen better now, in this part; returns the draft of that, null if the person has gone on. */
  onSeen(answered: Draft, answer: DecodeAnswer, part: BoxXyxy): Draft | null;
}

type Question = Pick<DecodeQuestion, "embedding" | "maskInput" | "other">;

const MOST_LOOKS = 3;

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
    try {
      await (answered.afar
        ? this.look(answered, part, this.fromAfar(answered), run)
        : this.lookOn(answered, part, run));
    } catch {
      // The answer at once stands; a click meets the same trouble, and tells.
    } finally {
      if (this.running === run) this.stop();
    }
  }

  /** Look, and look at what is seen then, as long as that shows more. */
  private async lookOn(answered: Draft, part: BoxXyxy, run: AbortController): Promise<void> {
    let [draft, next]: [Draft | null, BoxXyxy | null] = [answered, part];
    for (let looks = 0; looks < MOST_LOOKS && draft && next; looks++) {
      draft = await this.look(draft, next, await this.fromNearBy(draft, next, run.signal), run);
      next = draft && this.port.decoder.partToLookAt(draft, this.imageSize);
    }
  }

  private async look(
    answered: Draft,
    part: BoxXyxy,
    question: Question | null,
    run: AbortController,
  ): Promise<Draft | null> {
    if (!question || this.running !== run) return null;
    const { imageSize } = this;
    const { prompts } = answered;
    const answer = await this.port.decoder.decode({
      kind: "click",
      imageSize,
      prompts,
      signal: run.signal,
      ...question,
    });
    return this.running === run ? this.port.onSeen(answered, answer, part) : null;
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
