/**
 * Turns prompts into the draft's mask: asks the decoder, keeps only the newest answer, and shows what a click would
 * give under the cursor. Every change of prompts is one entry of the history, with the answer inside it.
 */
import type { BoxXyxy, ImagePoint, LowResLogits } from "../geometry/types";
import type { ColumnMask } from "../geometry/column-mask";
import {
  addPoint,
  EMPTY_DRAFT,
  logitsToRefine,
  movePoint,
  nextCandidate,
  removePrompt,
  setBox,
  withHandEdits,
  type Draft,
} from "../model/draft";
import type { MaskDocument } from "../model/document";
import type { History } from "../model/history";
import { Store } from "../model/store";
import type { Decoder, EmbeddingSource } from "./decoder-port";

export interface PromptingPort {
  readonly document: MaskDocument;
  readonly history: History;
  readonly decoder: Decoder;
  /** The embedding to ask for prompts at these places; null while there is none yet. */
  embeddingFor(prompts: Draft["prompts"]): EmbeddingSource | null;
  onDecoded(kind: "hover" | "click", ms: number): void;
  /** The mask of prompts given at `askedAt` (performance.now()) is in the document now. */
  onShown(askedAt: number): void;
  onFailed(error: unknown): void;
  onHover(): void;
}

export class Prompting {
  readonly isDecoding = new Store(false);
  /** The mask that a click at the cursor would give. */
  hoverMask: ColumnMask | null = null;
  private running: AbortController | null = null;
  private hovering: AbortController | null = null;
  private hoverPoint: ImagePoint | null = null;
  private dragged = false;

  constructor(
    private readonly port: PromptingPort,
    private readonly imageSize: { readonly width: number; readonly height: number },
  ) {}

  addPoint(point: ImagePoint, label: 0 | 1): void {
    this.change(addPoint(this.draft(), point, label));
  }

  setBox(box: BoxXyxy): void {
    this.change(setBox(this.draft(), box));
  }

  removePrompt(index: number): void {
    this.change(removePrompt(this.draft(), index));
  }

  beginDrag(): void {
    this.port.history.begin("prompt");
    this.dragged = true;
  }

  dragPoint(index: number, point: ImagePoint): void {
    this.change(movePoint(this.draft(), index, point));
  }

  endDrag(): void {
    this.dragged = false;
    if (!this.isDecoding.get()) this.port.history.commit();
  }

  /** Put a point that was being dragged back where it was. */
  cancelDrag(): void {
    if (!this.dragged) return;
    this.dragged = false;
    this.stop();
    this.port.document.apply(this.port.history.abandon(), "local");
    this.refresh();
  }

  /** Take a saved mask back to the model: its prompts, its mask as the start. */
  refine(targetId: string, draft: Partial<Draft>): void {
    this.change({ ...EMPTY_DRAFT, ...draft, targetId }, draft.maskInput ?? null);
  }

  /** Show another of the candidates; no new run. */
  chooseCandidate(chosen: number): void {
    const draft = this.port.document.draft;
    const candidate = draft?.candidates.at(chosen);
    if (!draft || !candidate || chosen === draft.chosen) return;
    const mask = this.port.decoder.toMask(candidate.logits, this.imageSize, draft.cropBox);
    this.record("candidate", { ...draft, chosen, mask: withHandEdits(mask, draft) });
  }

  cycleCandidate(steps: 1 | -1): void {
    const draft = this.port.document.draft;
    if (draft && draft.candidates.length > 0) this.chooseCandidate(nextCandidate(draft, steps));
  }

  /** Drop the draft as one step that can be undone. */
  abandon(): void {
    this.stop();
    if (this.port.document.draft) this.record("abandon", null);
  }

  /** Stop whatever runs; its answer will not be used. */
  stop(): void {
    this.running?.abort();
    this.running = null;
    this.isDecoding.set(false);
    this.clearHover();
  }

  /** Compute again what a draft taken from the history lacks. */
  refresh(): void {
    this.stop();
    const draft = this.port.document.draft;
    if (draft && draft.candidates.length === 0 && draft.prompts.length > 0) void this.run(draft, draft.maskInput);
  }

  hover(point: ImagePoint | null): void {
    this.hoverPoint = point;
    if (!point || this.port.document.draft) this.clearHover();
    else if (!this.hovering) void this.runHover();
  }

  private clearHover(): void {
    this.hovering?.abort();
    this.hovering = null;
    this.hoverPoint = null;
    if (!this.hoverMask) return;
    this.hoverMask = null;
    this.port.onHover();
  }

  private draft(): Draft {
    return this.port.document.draft ?? EMPTY_DRAFT;
  }

  private change(after: Draft, start?: LowResLogits | null): void {
    const before = this.draft();
    const maskInput = start === undefined ? logitsToRefine(before, after) : start;
    this.clearHover();
    if (after.prompts.length === 0 && !after.maskInput) {
      this.stop();
      this.record("prompt", null);
      return;
    }
    const asked = { ...after, maskInput };
    this.record("prompt", asked);
    void this.run(asked, maskInput);
  }

  private record(name: string, after: Draft | null): void {
    const change = { kind: "draft", before: this.port.document.draft, after } as const;
    this.port.document.apply([change], "local");
    this.port.history.record(name, [change]);
  }

  private async run(asked: Draft, maskInput: LowResLogits | null): Promise<void> {
    const askedAt = performance.now();
    this.running?.abort();
    const run = new AbortController();
    this.running = run;
    this.isDecoding.set(true);
    try {
      const answer = await this.ask("click", asked, maskInput, run.signal);
      if (answer && this.running === run) {
        this.show(asked, answer);
        this.port.onShown(askedAt);
      }
    } catch (error) {
      if (!run.signal.aborted) this.port.onFailed(error);
    } finally {
      if (this.running === run) this.finish();
    }
  }

  private finish(): void {
    this.running = null;
    this.isDecoding.set(false);
    if (!this.dragged) this.port.history.commit();
  }

  private async ask(kind: "hover" | "click", draft: Draft, maskInput: LowResLogits | null, signal: AbortSignal) {
    const embedding = this.port.embeddingFor(draft.prompts);
    if (!embedding) return null;
    const { imageSize } = this;
    const { prompts } = draft;
    // Logits of one crop mean nothing on another.
    const start = sameBox(embedding.cropBox, draft.cropBox) ? maskInput : null;
    const question = { kind, embedding, imageSize, prompts, maskInput: start, signal };
    const answer = await this.port.decoder.decode(question);
    this.port.onDecoded(kind, answer.decodeMs);
    return { ...answer, cropBox: embedding.cropBox };
  }

  private show(asked: Draft, answer: NonNullable<Awaited<ReturnType<Prompting["ask"]>>>): void {
    if (this.port.document.draft !== asked) return;
    const { candidates, chosen, cropBox } = answer;
    const mask = this.port.decoder.toMask(candidates[chosen].logits, this.imageSize, cropBox);
    const shown: Draft = { ...asked, candidates, chosen, mask: withHandEdits(mask, asked), cropBox };
    this.port.document.apply([{ kind: "draft", before: asked, after: shown }], "local");
    this.port.history.amend(asked, shown);
  }

  private async runHover(): Promise<void> {
    const hovering = new AbortController();
    this.hovering = hovering;
    try {
      for (let point = this.hoverPoint; point && this.hovering === hovering; point = this.nextHover(point)) {
        const answer = await this.ask("hover", addPoint(EMPTY_DRAFT, point, 1), null, hovering.signal);
        if (!answer || this.hovering !== hovering) return;
        const { logits } = answer.candidates[answer.chosen];
        this.hoverMask = this.port.decoder.toMask(logits, this.imageSize, answer.cropBox);
        this.port.onHover();
      }
    } catch (error) {
      if (!hovering.signal.aborted) this.port.onFailed(error);
    } finally {
      if (this.hovering === hovering) this.hovering = null;
    }
  }

  /** Where the cursor has moved to meanwhile; null when it rests. */
  private nextHover(done: ImagePoint): ImagePoint | null {
    return this.hoverPoint === done ? null : this.hoverPoint;
  }
}

function sameBox(a: BoxXyxy | null, b: BoxXyxy | null): boolean {
  if (a === null || b === null) return a === b;
  return a.x0 === b.x0 && a.y0 === b.y0 && a.x1 === b.x1 && a.y1 === b.y1;
}
