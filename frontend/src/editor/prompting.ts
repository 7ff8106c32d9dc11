/**
 * Turns prompts into the draft's mask: asks the decoder, keeps only the newest answer, and shows what a click would
 * give under the cursor. Every change of prompts is one entry of the history, with the answer inside it.
 *
 * A mask is painted as coarsely as the screen shows it first; its exact pixels follow in the frame after.
 */
import { sameBox, type BoxXyxy, type ImagePoint, type LowResLogits } from "../geometry/types";
import type { SampledMask } from "../geometry/upsample";
import {
  addPoint,
  EMPTY_DRAFT,
  logitsToRefine,
  movePoint,
  nextCandidate,
  removePrompt,
  setBox,
  startsOf,
  withHandEdits,
  type Draft,
} from "../model/draft";
import type { MaskDocument } from "../model/document";
import type { History } from "../model/history";
import { Store } from "../model/store";
import { CloserLook } from "./closer-look";
import { holdsAll } from "./crop-embeddings";
import type { Conclusion, DecodeAnswer, Decoder, EmbeddingSource, Look } from "./decoder-port";
import { HoverPreview, type PreviewAnswer } from "./hover-preview";

export interface PromptingPort {
  readonly document: MaskDocument;
  readonly history: History;
  readonly decoder: Decoder;
  /** The embedding to ask for prompts at these places; null while there is none yet. */
  embeddingFor(prompts: Draft["prompts"]): EmbeddingSource | null;
  /** The embedding of what is to be looked at; null when it does not come in good time. */
  embeddingToLookAt(look: Look, signal: AbortSignal): Promise<EmbeddingSource | null>;
  /** How many pixels of the photo, a power of two, make one that can be seen at this zoom. */
  detailStep(): number;
  /** The same for a mask that stands for a frame or two. */
  glimpseStep(): number;
  /** Settles when the next frame has been painted, or at once where none is. */
  afterPaint(): Promise<void>;
  onDecoded(kind: "hover" | "click", ms: number): void;
  /** The mask of prompts given at `askedAt` (performance.now()) is about to be painted. */
  onShown(askedAt: number): void;
  onFailed(error: unknown): void;
  /** What `glimpse` or `hover` shows has changed. */
  onPreview(): void;
}

export class Prompting {
  readonly isDecoding = new Store(false);
  /** The draft's next mask as the screen shows it, until its exact pixels are in the document. */
  glimpse: SampledMask | null = null;
  readonly closer: CloserLook;
  private readonly preview: HoverPreview;
  private running: AbortController | null = null;
  private dragged = false;

  constructor(
    private readonly port: PromptingPort,
    private readonly imageSize: { readonly width: number; readonly height: number },
  ) {
    this.closer = new CloserLook(
      {
        decoder: port.decoder,
        embeddingToLookAt: (look, signal) => port.embeddingToLookAt(look, signal),
        onSeen: (answered, answer) => this.showCloser(answered, answer),
        onThought: (answered, conclude) => this.showThought(answered, conclude),
      },
      imageSize,
    );
    this.preview = new HoverPreview({
      ask: (point, signal) => this.ask("hover", addPoint(EMPTY_DRAFT, point, 1), null, signal),
      look: (answer) => this.look(answer, port.detailStep()),
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

  /** Take a saved mask back to the model: its prompts, its mask as the start. */
  refine(targetId: string, draft: Partial<Draft>): void {
    this.change({ ...EMPTY_DRAFT, ...draft, targetId }, draft.maskInput ?? null);
  }

  /** Show another of the candidates; no new run. */
  chooseCandidate(chosen: number): void {
    const draft = this.port.document.draft;
    const candidate = draft?.candidates.at(chosen);
    if (!draft || !candidate || chosen === draft.chosen) return;
    const mask = this.port.decoder.toMask(candidate.shown, this.imageSize, draft.cropBox);
    this.record("candidate", { ...draft, chosen, isChosenByHand: true, mask: withHandEdits(mask, draft) });
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
    this.closer.stop();
    this.dropGlimpse();
    this.preview.clear();
  }

  /** Compute again what a draft taken from the history lacks. */
  refresh(): void {
    this.stop();
    const draft = this.port.document.draft;
    if (draft && draft.candidates.length === 0 && draft.prompts.length > 0) void this.run(draft, draft.maskInput);
  }

  hover(point: ImagePoint | null): void {
    if (!point || this.port.document.draft) this.preview.clear();
    else this.preview.move(point);
  }

  private draft(): Draft {
    return this.port.document.draft ?? EMPTY_DRAFT;
  }

  private change(after: Draft, start?: LowResLogits | null): void {
    const before = this.draft();
    const maskInput = start === undefined ? logitsToRefine(before, after) : start;
    if (after.prompts.length === 0 && !after.maskInput) {
      this.stop();
      this.record("prompt", null);
      return;
    }
    const asked = { ...after, maskInput, isChosenByHand: false };
    const foreseen = this.foreseen(asked);
    this.preview.clear();
    this.closer.stop();
    this.record("prompt", asked);
    void this.run(asked, maskInput, foreseen);
  }

  /** The answer to a lone click that the preview has asked for already. */
  private foreseen({ prompts, maskInput }: Draft): Promise<PreviewAnswer | null> | null {
    const first = prompts.at(0);
    if (maskInput || prompts.length > 1 || first?.kind !== "point" || first.label !== 1) return null;
    return this.preview.take(first.point);
  }

  private record(name: string, after: Draft | null): void {
    const change = { kind: "draft", before: this.port.document.draft, after } as const;
    this.port.document.apply([change], "local");
    this.port.history.record(name, [change]);
  }

  private async run(
    asked: Draft,
    maskInput: LowResLogits | null,
    foreseen: Promise<PreviewAnswer | null> | null = null,
  ): Promise<void> {
    const askedAt = performance.now();
    this.running?.abort();
    const run = new AbortController();
    this.running = run;
    this.isDecoding.set(true);
    try {
      const known = foreseen && (await this.current(foreseen));
      if (known) this.port.onDecoded("click", known.decodeMs);
      const answer = known ?? (await this.ask("click", asked, maskInput, run.signal));
      if (!answer || this.running !== run) return;
      await this.showGlimpse(asked, answer, askedAt);
      if (this.running === run) this.show(asked, answer);
    } catch (error) {
      if (!run.signal.aborted) this.port.onFailed(error);
    } finally {
      if (this.running === run) this.finish();
    }
  }

  /** A foreseen answer, if it came and is from the embedding that is asked now. */
  private async current(foreseen: Promise<PreviewAnswer | null>): Promise<PreviewAnswer | null> {
    const answer = await foreseen.catch(() => null);
    const { draft } = this.port.document;
    if (!answer || !draft) return null;
    return this.port.embeddingFor(draft.prompts)?.key === answer.embedding.key ? answer : null;
  }

  private finish(): void {
    this.running = null;
    this.isDecoding.set(false);
    this.dropGlimpse();
    if (!this.dragged) this.settle();
  }

  /** A prompt is given and answered. */
  private settle(): void {
    this.port.history.commit();
    const { draft } = this.port.document;
    if (draft?.mask) this.closer.begin(draft);
  }

  private async ask(
    kind: "hover" | "click",
    draft: Draft,
    maskInput: LowResLogits | null,
    signal: AbortSignal,
  ): Promise<PreviewAnswer | null> {
    const embedding = this.port.embeddingFor(draft.prompts);
    if (!embedding) return null;
    const { imageSize } = this;
    const { prompts } = draft;
    const start = maskInput && startIn(embedding, draft, maskInput);
    const question = { kind, embedding, imageSize, prompts, maskInput: start, signal };
    const answer = await this.port.decoder.decode(question);
    this.port.onDecoded(kind, answer.decodeMs);
    return { ...answer, embedding };
  }

  private look({ candidates, chosen, embedding }: PreviewAnswer, step: number): SampledMask {
    const { shown } = candidates[chosen];
    return this.port.decoder.toSampledMask(shown, this.imageSize, embedding.cropBox, step);
  }

  /** Paint an answer before its exact pixels are computed, which takes longer than anybody should wait. */
  private async showGlimpse(asked: Draft, answer: PreviewAnswer, askedAt: number): Promise<void> {
    const isByHand = asked.added !== null || asked.removed !== null;
    const step = this.port.glimpseStep();
    if (isByHand || step === 1) {
      this.port.onShown(askedAt);
      return;
    }
    this.glimpse = this.look(answer, step);
    this.port.onPreview();
    this.port.onShown(askedAt);
    await this.port.afterPaint();
  }

  private dropGlimpse(): void {
    if (!this.glimpse) return;
    this.glimpse = null;
    this.port.onPreview();
  }

  private show(asked: Draft, answer: PreviewAnswer): void {
    if (this.port.document.draft !== asked) return;
    const { candidates, chosen, seen, embedding } = answer;
    const { cropBox } = embedding;
    const mask = this.port.decoder.toMask(candidates[chosen].shown, this.imageSize, cropBox);
    const toGoOn = asked.maskInput ? startsOf(asked).filter((one) => canGoOn(one.embedding, embedding, asked)) : [];
    this.replace(asked, { ...asked, candidates, chosen, mask: withHandEdits(mask, asked), cropBox, seen, toGoOn });
  }

  /** Show what a closer look has found, unless the person has gone on; the candidate they chose stays chosen. */
  private showCloser(answered: Draft, answer: DecodeAnswer): Draft | null {
    const { draft } = this.port.document;
    if (!draft || draft.prompts !== answered.prompts || draft.edits !== answered.edits) return null;
    return this.showSeen(draft, draft.isChosenByHand ? { ...answer, chosen: draft.chosen } : answer);
  }

  private showSeen(draft: Draft, { candidates, chosen, seen }: DecodeAnswer): Draft {
    const cropBox = seen.at(-1)?.embedding.cropBox ?? null;
    const mask = withHandEdits(this.port.decoder.toMask(candidates[chosen].shown, this.imageSize, cropBox), draft);
    const shown = { ...draft, candidates, chosen, mask, cropBox, seen, toGoOn: [] };
    this.replace(draft, shown);
    return shown;
  }

  /** Show what second thoughts come to, unless the person has gone on; a candidate chosen meanwhile stays. */
  private showThought(answered: Draft, conclude: Conclusion): Draft | null {
    const { draft } = this.port.document;
    if (draft?.candidates !== answered.candidates || draft.edits !== answered.edits) return null;
    return this.showSeen(draft, conclude(draft));
  }

  /** Put an answer in place, in the history as well: it is no step of its own. */
  private replace(before: Draft, after: Draft): void {
    this.port.document.apply([{ kind: "draft", before, after }], "local");
    this.port.history.amend(before, after);
  }
}

/** The mask to go on from in a view: the one shown in the nearest, its own in another one, or none. */
function startIn(view: EmbeddingSource, draft: Draft, shown: LowResLogits): LowResLogits | null {
  const nearest = draft.seen.at(-1)?.embedding;
  const isShownHere = nearest ? nearest.key === view.key : sameBox(view.cropBox, draft.cropBox);
  return isShownHere ? shown : (startsOf(draft).find(({ embedding }) => embedding.key === view.key)?.logits ?? null);
}

/** Whether a view that answered before can answer these prompts too: it holds them, and has not been asked. */
function canGoOn(view: EmbeddingSource, asked: EmbeddingSource, { prompts }: Draft): boolean {
  return view.key !== asked.key && holdsAll(view.cropBox, prompts);
}
