/**
 * Closer looks: after the answer at once the photo is seen in a mirror, and what is small from near by, both ways; the
 * answer becomes that of all these views, and a lone click is thought over. More prompts are answered at once in the nearest
 * view that holds them, and then in the others. An extra: where it fails or comes too late, the answer at once stands.
 * Mirrors asking.py of sam_core.
 */
import type { Size } from "../geometry/types";
import type { Draft } from "../model/draft";
import { Store } from "../model/store";
import {
  TIMES_THOUGHT_OVER,
  type Conclusion,
  type DecodeAnswer,
  type DecodeQuestion,
  type Decoder,
  type EmbeddingSource,
  type Look,
} from "./decoder-port";

export interface CloserLookPort {
  readonly decoder: Decoder;
  /** The embedding of what is to be looked at; null when it does not come in good time. */
  embeddingToLookAt(look: Look, signal: AbortSignal): Promise<EmbeddingSource | null>;
  /** What was answered is seen better now; returns the draft of that, null if the person has gone on. */
  onSeen(answered: Draft, answer: DecodeAnswer): Draft | null;
  /** The candidates have been thought over; returns the draft of that, null if the person has gone on. */
  onThought(answered: Draft, conclude: Conclusion): Draft | null;
}

export class CloserLook {
  readonly isUnderWay = new Store(false);
  private running: AbortController | null = null;

  constructor(
    private readonly port: CloserLookPort,
    private readonly imageSize: Size,
  ) {}

  /** Look more closely at what was answered, as long as that shows more; one at a time. */
  begin(answered: Draft): void {
    this.stop();
    // A saved mask that is being refined has been looked at by a person.
    if (answered.targetId !== null || answered.candidates.length === 0) return;
    if (answered.toGoOn.length > 0 || this.nextLook(answered)) void this.run(answered);
  }

  stop(): void {
    this.running?.abort();
    this.running = null;
    this.isUnderWay.set(false);
  }

  private nextLook(answered: Draft): Look | null {
    return this.port.decoder.nextLook(answered, this.imageSize);
  }

  private async run(answered: Draft): Promise<void> {
    const run = new AbortController();
    this.running = run;
    this.isUnderWay.set(true);
    try {
      let draft: Draft | null = answered.toGoOn.length > 0 ? await this.goOn(answered, run) : answered;
      for (let next = draft && this.nextLook(draft); draft && next; next = draft && this.nextLook(draft)) {
        draft = await this.look(draft, next, run);
      }
      for (let times = 0; draft && times < TIMES_THOUGHT_OVER; times++) draft = await this.thinkAgain(draft, run);
    } catch {
      // The answer at once stands; a click meets the same trouble, and tells.
    } finally {
      if (this.running === run) this.stop();
    }
  }

  /** Ask the views that answered the prompts before; shown once all have. */
  private async goOn(answered: Draft, run: AbortController): Promise<Draft | null> {
    let answer: DecodeAnswer | null = null;
    for (const { embedding, logits } of answered.toGoOn) {
      const seen: DecodeAnswer["seen"] = answer?.seen ?? answered.seen;
      answer = await this.ask(answered, { embedding, maskInput: logits, seen }, run);
    }
    return answer && this.show(answered, answer, run);
  }

  /** Ask a view that has not been asked yet, which has no mask to go on from. */
  private async look(answered: Draft, look: Look, run: AbortController): Promise<Draft | null> {
    const embedding = await this.port.embeddingToLookAt(look, run.signal);
    if (!embedding || this.running !== run) return null;
    const { seen, chosen: kept } = answered;
    return this.show(answered, await this.ask(answered, { embedding, maskInput: null, seen, kept }, run), run);
  }

  /** Weigh what else a lone click may mean. */
  private async thinkAgain(answered: Draft, run: AbortController): Promise<Draft | null> {
    if (this.running !== run) return null;
    const conclude = await this.port.decoder.thinkAgain(answered, this.imageSize, run.signal);
    return conclude && this.running === run ? this.port.onThought(answered, conclude) : null;
  }

  private ask(
    { prompts }: Draft,
    question: Pick<DecodeQuestion, "embedding" | "maskInput" | "seen" | "kept">,
    { signal }: AbortController,
  ): Promise<DecodeAnswer> {
    return this.port.decoder.decode({ kind: "click", imageSize: this.imageSize, prompts, signal, ...question });
  }

  private show(answered: Draft, answer: DecodeAnswer, run: AbortController): Draft | null {
    return this.running === run ? this.port.onSeen(answered, answer) : null;
  }
}
