/**
 * Turns prompts into the draft's mask: asks the decoder, keeps only the newest answer, and shows what a click would
 * give under the cursor. Every change of prompts is one entry of the history, with the answer inside it.
 *
 * A mask is painted as coarsely as the screen shows it first; its exact pixels follow when the worker has them.
 */
import type { ColumnMask } from "../../geometry/column-mask";
import type { BoxXyxy, ImagePoint, LowResLogits } from "../../geometry/types";
import type { SampledMask } from "../../geometry/upsample";
import type { DecodeResult } from "../../inference/protocol/types";
import type { MaskDocument } from "../../model/document";
import {
  addPoint,
  EMPTY_DRAFT,
  movePoint,
  nextCandidate,
  removePrompt,
  setBox,
  previousMask,
  startsToRefine,
  withHandEdits,
  type Draft,
} from "../../model/draft";
import type { EmbeddingRef } from "../../model/embedding-views";
import type { History } from "../../model/history";
import { Store } from "../../model/store";
import type { Decoder } from "./decoder-port";
import { HoverPreview } from "./hover-preview";
import { Sharpening, type SharpeningPort } from "./sharpening";

export interface PromptingPort {
  readonly document: MaskDocument;
  readonly history: History;
  readonly decoder: Decoder;
  /** What can answer prompts at these places at once, the whole photo first; none while there is no embedding. */
  viewsFor(prompts: Draft["prompts"]): readonly EmbeddingRef[];
  fetchCrop: SharpeningPort["fetchCrop"];
  onNothingSharper: SharpeningPort["onNothing"];
  /** How many pixels of the photo, a power of two, make one that can be seen at this zoom. */
  detailStep(): number;
  /** The same for a mask that stands for a frame or two. */
  samplingStep(): number;
  /** Settles when the next frame has been painted, or at once where none is. */
  afterPaint(): Promise<void>;
  onDecoded(kind: "hover" | "click", ms: number): void;
  /** The mask of prompts given at `askedAt` (performance.now()) is about to be painted. */
  onShown(askedAt: number): void;
  onFailed(error: unknown): void;
  /** What `sampled` or `hover` shows has changed. */
  onPreview(): void;
}

export class Prompting {
  readonly isDecoding = new Store(false);
  /** How many candidates were chosen whose masks are on their way. */
  readonly choosing = new Store(0);
  /** The draft's next mask as the screen shows it, until its exact pixels are in the document. */
  sampled: SampledMask | null = null;
  readonly sharpening: Sharpening;
  private readonly preview: HoverPreview;
  private running: AbortController | null = null;
  private dragged = false;

  constructor(
    private readonly port: PromptingPort,
    private readonly imageSize: { readonly width: number; readonly height: number },
  ) {
    this.sharpening = new Sharpening(
      {
        decoder: port.decoder,
        fetchCrop: (crop, signal) => port.fetchCrop(crop, signal),
        onReady: (draft) => this.askAgain(draft),
        onNothing: (reason) => port.onNothingSharper(reason),
      },
      imageSize,
    );
    this.preview = new HoverPreview({
      ask: (point, signal) => this.ask("hover", addPoint(EMPTY_DRAFT, point, 1), signal),
      onFailed: (error) => port.onFailed(error),
      onChanged: () => port.onPreview(),
    });
  }

  /** The mask that a click at the cursor would give. */
  get hoverMask(): SampledMask | null {
    return this.preview.shown;
  }

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
    if (!this.isDecoding.get()) this.settle();
  }

  /** Put a point that was being dragged back where it was. */
  cancelDrag(): void {
    if (!this.dragged) return;
    this.dragged = false;
    this.stop();
    this.port.document.apply(this.port.history.abandon(), "local");
    this.refresh();
  }

  /** A mask as the logits that a prompt goes on from. */
  maskPrompt(mask: ColumnMask): LowResLogits {
    return this.port.decoder.maskPrompt(mask);
  }

  /** Take a saved mask back to the model: its prompts, its mask as the start. */
  refine(targetId: string, draft: Partial<Draft>): void {
    this.change({ ...EMPTY_DRAFT, ...draft, targetId }, draft.starts ?? []);
  }

  /** Show another of the candidates; no new run. */
  chooseCandidate(chosen: number): void {
    const draft = this.port.document.draft;
    if (!draft?.candidates.at(chosen) || chosen === draft.chosen) return;
    const asked = { ...draft, chosen };
    this.record("candidate", asked);
    void this.showChosen(asked);
  }

  /** Put the chosen candidate's mask in place of the one before, wherever the draft is by then. */
  private async showChosen(asked: Draft): Promise<void> {
    this.choosing.update((count) => count + 1);
    try {
      const { maskLogits } = asked.candidates[asked.chosen];
      const mask = await this.port.decoder.toMask(maskLogits, this.imageSize, asked.cropBox);
      this.replace(asked, { ...asked, mask: withHandEdits(mask, asked) });
    } catch (error) {
      this.port.onFailed(error);
    } finally {
      this.choosing.update((count) => count - 1);
    }
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
    this.sharpening.stop();
    this.dropSampled();
    this.preview.clear();
  }

  /** Compute again what a draft taken from the history lacks; its mask stays. */
  refresh(): void {
    this.stop();
    const draft = this.port.document.draft;
    if (draft && draft.candidates.length === 0 && draft.prompts.length > 0) void this.run(draft, { keepsMask: true });
  }

  /** Show more of the photo's detail where the mask lies, and ask the same prompts again. */
  sharpen(): void {
    const { draft } = this.port.document;
    if (draft?.mask && draft.prompts.length > 0 && !this.isDecoding.get()) void this.sharpening.begin(draft);
  }

  hover(point: ImagePoint | null): void {
    if (!point || this.port.document.draft) this.preview.clear();
    else this.preview.move(point);
  }

  private draft(): Draft {
    return this.port.document.draft ?? EMPTY_DRAFT;
  }

  private change(after: Draft, given?: Draft["starts"]): void {
    const before = this.draft();
    const starts = given ?? startsToRefine(before, after);
    if (after.prompts.length === 0 && after.starts.length === 0) {
      this.stop();
      this.record("prompt", null);
      return;
    }
    const asked = { ...after, starts, before: previousMask(before, after) };
    const foreseen = this.foreseen(asked);
    this.preview.clear();
    this.sharpening.stop();
    this.record("prompt", asked);
    void this.run(asked, { foreseen });
  }

  /** Ask the prompts of a draft once more, with views that have come since; the candidate that is shown stays. */
  private askAgain(draft: Draft): void {
    const now = this.port.document.draft;
    if (!now || !isSameQuestion(now, draft)) return;
    const asked = { ...now };
    this.record("sharpen", asked);
    void this.run(asked, { chosen: now.chosen, isUnhurried: true });
  }

  /** The answer to a lone click that the preview has asked for already. */
  private foreseen({ prompts, starts }: Draft): Promise<DecodeResult | null> | null {
    const first = prompts.at(0);
    if (starts.length > 0 || prompts.length > 1 || first?.kind !== "point" || first.label !== 1) return null;
    return this.preview.take(first.point);
  }

  private record(name: string, after: Draft | null): void {
    const change = { kind: "draft", before: this.port.document.draft, after } as const;
    this.port.document.apply([change], "local");
    this.port.history.record(name, [change]);
  }

  private async run(asked: Draft, how: Run = {}): Promise<void> {
    const askedAt = performance.now();
    this.running?.abort();
    const run = new AbortController();
    this.running = run;
    this.isDecoding.set(true);
    try {
      const answer = await this.answerTo(asked, how, run.signal);
      if (!answer || this.running !== run) return;
      if (how.keepsMask && asked.mask) {
        this.complete(asked, answer);
        return;
      }
      const exact = this.exactMask(answer);
      exact.catch(() => undefined); // told below, unless nobody wants it any more
      const isShown = await this.showSampled(asked, answer, askedAt);
      const mask = await exact;
      if (this.running !== run) return;
      if (!isShown) this.port.onShown(askedAt);
      this.show(asked, answer, mask);
    } catch (error) {
      if (!run.signal.aborted) this.port.onFailed(error);
    } finally {
      if (this.running === run) this.finish();
    }
  }

  private async answerTo(asked: Draft, how: Run, signal: AbortSignal): Promise<DecodeResult | null> {
    const known = how.foreseen ? await this.current(how.foreseen) : null;
    if (known) this.port.onDecoded("click", known.decodeMs);
    return known ?? this.ask("click", asked, signal, how);
  }

  /** A foreseen answer, if it came and is from the embedding that is asked now. */
  private async current(foreseen: Promise<DecodeResult | null>): Promise<DecodeResult | null> {
    const answer = await foreseen.catch(() => null);
    const { draft } = this.port.document;
    if (!answer || !draft) return null;
    return this.port.viewsFor(draft.prompts).at(0)?.key === answer.decodedViews[0].embedding.key ? answer : null;
  }

  private finish(): void {
    this.running = null;
    this.isDecoding.set(false);
    this.dropSampled();
    if (!this.dragged) this.settle();
  }

  /** A prompt is given and answered. */
  private settle(): void {
    this.port.history.commit();
  }

  private async ask(
    kind: "hover" | "click",
    { prompts, starts, before }: Draft,
    signal: AbortSignal,
    { isUnhurried, chosen, keepsMask }: Run = {},
  ): Promise<DecodeResult | null> {
    const views = this.port.viewsFor(prompts);
    if (views.length === 0) return null;
    const step = kind === "hover" ? this.port.detailStep() : this.port.samplingStep();
    const isExact = kind === "click" && !keepsMask;
    const asked = { kind, views, originalSize: this.imageSize, prompts, starts, before };
    const answer = await this.port.decoder.decode({ ...asked, isUnhurried, chosen, step, isExact, signal });
    this.port.onDecoded(kind, answer.decodeMs);
    return answer;
  }

  /** Paint an answer before its exact pixels are computed, which takes longer than anybody should wait; false if not. */
  private async showSampled(asked: Draft, { sampled }: DecodeResult, askedAt: number): Promise<boolean> {
    const isByHand = asked.added !== null || asked.removed !== null;
    if (isByHand || this.port.samplingStep() === 1) return false;
    this.sampled = sampled;
    this.port.onPreview();
    this.port.onShown(askedAt);
    await this.port.afterPaint();
    return true;
  }

  /** The exact pixels of an answer: what was asked for as a preview has none yet. */
  private exactMask({ sampled, mask, candidates, chosen, decodedViews }: DecodeResult): Promise<ColumnMask> {
    if (sampled.step === 1) return Promise.resolve(sampled.mask);
    return mask ?? this.port.decoder.toMask(candidates[chosen].maskLogits, this.imageSize, cropOf(decodedViews));
  }

  private dropSampled(): void {
    if (!this.sampled) return;
    this.sampled = null;
    this.port.onPreview();
  }

  private show(asked: Draft, { candidates, chosen, decodedViews }: DecodeResult, mask: ColumnMask): void {
    if (this.port.document.draft !== asked) return;
    const cropBox = cropOf(decodedViews);
    this.replace(asked, { ...asked, candidates, chosen, mask: withHandEdits(mask, asked), cropBox, decodedViews });
  }

  /** Give a draft its candidates back, and leave the mask as it is on the screen. */
  private complete(asked: Draft, { candidates, chosen, decodedViews }: DecodeResult): void {
    if (this.port.document.draft === asked) this.replace(asked, { ...asked, candidates, chosen, decodedViews });
  }

  /** Put an answer in place, in the history as well: it is no step of its own. */
  private replace(before: Draft, after: Draft): void {
    if (this.port.document.draft === before) this.port.document.apply([{ kind: "draft", before, after }], "local");
    this.port.history.amend(before, after);
  }
}

interface Run {
  /** The answer that the preview has asked for already. */
  readonly foreseen?: Promise<DecodeResult | null> | null;
  /** The candidate to show; the model's own choice if none is named. */
  readonly chosen?: number;
  /** Whether every view takes part, however long that takes. */
  readonly isUnhurried?: boolean;
  /** Whether a mask that is there stays. */
  readonly keepsMask?: boolean;
}

/** Whether a draft is still what it was, but for the pixels of a candidate that was chosen. */
function isSameQuestion(a: Draft, b: Draft): boolean {
  return a.prompts === b.prompts && a.candidates === b.candidates && a.chosen === b.chosen && a.edits === b.edits;
}

/** The crop that an answer's masks lie in: that of the closest view. */
function cropOf(decodedViews: DecodeResult["decodedViews"]): BoxXyxy | null {
  return decodedViews.at(-1)?.embedding.cropBox ?? null;
}
