/**
 * Keeps the open draft in the journal, so that a reload, the way back or a closed tab does not lose it; offers it again.
 *
 * What is kept is what was on the screen: prompts, mask, edits, and the scores that came with it.
 */
import type { Journal } from "../../api/journal";
import { maskFromWire, wireFields } from "../../api/wire";
import type { BoxXyxy, Prompt } from "../../geometry/types";
import type { MaskDocument } from "../../model/document";
import { EMPTY_DRAFT, type Draft, type DraftEdit } from "../../model/draft";
import type { History } from "../../model/history";
import type { Prompting } from "../prompting/prompting";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";

export interface KeptDraftValue {
  readonly prompts: readonly Prompt[];
  readonly counts: string;
  readonly size: readonly [number, number];
  readonly targetId: string | null;
  readonly cropBox: BoxXyxy | null;
  readonly edits: readonly DraftEdit[];
  readonly chosen: { readonly index: number; readonly predictedIou: number; readonly stabilityScore: number } | null;
}

/** The open image, as far as its draft is kept. */
interface KeptImage {
  readonly detail: { readonly id: number };
  readonly document: MaskDocument;
  readonly history: Pick<History, "isOpen">;
  readonly prompting: Pick<Prompting, "maskPrompt">;
}

const OFFER = "notice.draft.kept";
/** How long a stroke or a drag may rest before what it has made so far is written; its end is written at once. */
const REST_MS = 250;

export class DraftKeeper {
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The image whose draft is in the journal because of this page. */
  private kept: number | null = null;
  /** What was written last. */
  private last: Draft | null = null;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly journal: Pick<Journal, "keepDraft" | "readDraft">,
    private readonly stores: Pick<Stores, "draft" | "undoState">,
    private readonly notices: Notices,
    private readonly getSession: () => KeptImage | null,
  ) {}

  /** Keep every change of the draft until the returned function is called. */
  start(): () => void {
    // The undo state changes once a gesture is over, be the draft the same as at its last move.
    const stops = [this.stores.draft, this.stores.undoState].map((store) => store.subscribe(() => this.later()));
    const now = (): void => void this.keep();
    globalThis.addEventListener("pagehide", now);
    globalThis.addEventListener("visibilitychange", now, { capture: true });
    return () => {
      for (const stop of stops) stop();
      clearTimeout(this.timer);
      globalThis.removeEventListener("pagehide", now);
      globalThis.removeEventListener("visibilitychange", now, { capture: true });
    };
  }

  /** Write the draft as it is now; one that is over is forgotten. */
  async keep(): Promise<void> {
    clearTimeout(this.timer);
    const session = this.getSession();
    if (!session) return;
    const imageId = session.detail.id;
    const { draft } = session.document;
    if (draft !== null && draft === this.last) return;
    this.last = draft;
    const value = draft && valueOf(draft);
    if (value === null && this.kept !== imageId) return;
    this.kept = value === null ? null : imageId;
    // One after the other: what was drawn last stays.
    this.writing = this.writing.then(() => this.journal.keepDraft(imageId, value));
    await this.writing;
  }

  /** Offer what an earlier visit to the open image left unfinished. */
  async offer(session: KeptImage): Promise<void> {
    this.notices.clear(OFFER);
    const value = (await this.journal.readDraft(session.detail.id)) as KeptDraftValue | null;
    if (!value || session !== this.getSession() || session.document.draft) return;
    const takeUp = (): void => {
      this.notices.clear(OFFER);
      if (session !== this.getSession() || session.document.draft) return;
      session.document.apply([{ kind: "draft", before: null, after: draftOf(value, session) }], "local");
    };
    this.notices.tell("warning", OFFER, {}, { key: "action.take.up", run: takeUp });
  }

  private later(): void {
    if (this.stores.draft.get()) this.notices.clear(OFFER);
    clearTimeout(this.timer);
    if (this.getSession()?.history.isOpen) this.timer = setTimeout(() => void this.keep(), REST_MS);
    else void this.keep();
  }
}

/** Null where there is nothing to lose: no mask yet. */
export function valueOf({ prompts, mask, targetId, cropBox, edits, candidates, chosen }: Draft): KeptDraftValue | null {
  const counts = mask && wireFields({ mask }).counts;
  if (!mask || counts === undefined || counts === null) return null;
  const candidate = candidates.at(chosen);
  return {
    prompts,
    counts,
    size: [mask.size.height, mask.size.width],
    targetId,
    cropBox,
    edits,
    chosen:
      (candidate && {
        index: candidate.index,
        predictedIou: candidate.predictedIou,
        stabilityScore: candidate.stabilityScore,
      }) ||
      null,
  };
}

/** The draft as it was. The next click goes on from its mask; one that refined a mask which is gone makes a new one. */
export function draftOf(value: KeptDraftValue, session: Pick<KeptImage, "document" | "prompting">): Draft {
  const mask = maskFromWire(value.counts, value.size);
  const logits = session.prompting.maskPrompt(mask);
  const isTargetThere = value.targetId !== null && session.document.get(value.targetId) !== undefined;
  return {
    ...EMPTY_DRAFT,
    prompts: value.prompts,
    mask,
    targetId: isTargetThere ? value.targetId : null,
    edits: value.edits,
    starts: [{ cropBox: null, isFlipped: false, logits }],
    candidates: value.chosen ? [{ ...value.chosen, logits, maskLogits: logits }] : [],
  };
}
