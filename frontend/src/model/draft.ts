/**
 * The object being prompted: its prompts, the model's candidates and the one chosen. A value, so that undo can keep it.
 */
import { combineMasks, type ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy, ImagePoint, LowResLogits, Prompt } from "../geometry/types";
import type { Candidate, DecodedView, PreviousMask, ViewStart } from "./embedding-views";

export interface Draft {
  readonly prompts: readonly Prompt[];
  readonly candidates: readonly Candidate[];
  /** Index into `candidates` of the one shown. */
  readonly chosen: number;
  /** The chosen candidate at the photo's own size; null while the model is at work. */
  readonly mask: ColumnMask | null;
  /** The masks that the last run started from, the whole photo's first; none for a first prompt. */
  readonly starts: readonly ViewStart[];
  /** What was shown before the last point; null unless that is what was added. */
  readonly before: PreviousMask | null;
  /** The saved mask that this draft refines; null for a new one. */
  readonly targetId: string | null;
  /** The crop of the photo that the mask lies in: that of the closest view. */
  readonly cropBox: BoxXyxy | null;
  /** What each view gave for these prompts, from the whole photo to the closest crop. */
  readonly decodedViews: readonly DecodedView[];
  /** What was painted and erased by hand; it stays when the model answers anew. */
  readonly added: ColumnMask | null;
  readonly removed: ColumnMask | null;
  readonly edits: readonly DraftEdit[];
}

export interface DraftEdit {
  readonly name: string;
  readonly pixels: number;
}

export const EMPTY_DRAFT: Draft = {
  prompts: [],
  candidates: [],
  chosen: 0,
  mask: null,
  starts: [],
  before: null,
  targetId: null,
  cropBox: null,
  decodedViews: [],
  added: null,
  removed: null,
  edits: [],
};

export function addPoint(draft: Draft, point: ImagePoint, label: 0 | 1): Draft {
  return { ...draft, prompts: [...draft.prompts, { kind: "point", point, label }] };
}

/** A draft has one box at most; a second one replaces the first. */
export function setBox(draft: Draft, box: BoxXyxy): Draft {
  const points = draft.prompts.filter((prompt) => prompt.kind === "point");
  return { ...draft, prompts: [{ kind: "box", box }, ...points] };
}

export function movePoint(draft: Draft, index: number, point: ImagePoint): Draft {
  const prompts = draft.prompts.map((prompt, i) =>
    i === index && prompt.kind === "point" ? { ...prompt, point } : prompt,
  );
  return { ...draft, prompts };
}

export function removePrompt(draft: Draft, index: number): Draft {
  return { ...draft, prompts: draft.prompts.filter((_, i) => i !== index) };
}

/** The candidates that Tab walks through: the ambiguous ones where the model gave them, else all. */
export function walkableCandidates(draft: Draft): readonly Candidate[] {
  const ambiguous = draft.candidates.filter((candidate) => candidate.index > 0);
  return ambiguous.length > 0 ? ambiguous : draft.candidates;
}

/** The position in `candidates` that is `steps` further on than the chosen one, around the end. */
export function nextCandidate(draft: Draft, steps: number): number {
  const walk = walkableCandidates(draft);
  if (walk.length === 0) return draft.chosen;
  const current = draft.candidates.at(draft.chosen);
  const at = current ? walk.indexOf(current) : -1;
  const start = at < 0 && steps < 0 ? 0 : at;
  const next = walk[(((start + steps) % walk.length) + walk.length) % walk.length];
  return draft.candidates.indexOf(next);
}

/** Forget what can be computed again, for drafts far back in the history. */
export function slimDraft(draft: Draft): Draft {
  return { ...draft, candidates: [], chosen: 0, starts: [], before: null, decodedViews: [] };
}

/** The logits of a view's candidate. */
export function planeOf({ logits, predictedIou }: DecodedView, candidate: number): LowResLogits {
  const size = logits.length / predictedIou.length;
  return { data: logits.subarray(candidate * size, (candidate + 1) * size), side: Math.sqrt(size) };
}

/** What the model should start from: what each view gave last, once there is more than one prompt. */
export function startsToRefine(before: Draft, after: Draft): readonly ViewStart[] {
  if (after.prompts.length < 2) return [];
  if (before.decodedViews.length === 0) return before.starts;
  return before.decodedViews.map((view) => ({
    cropBox: view.embedding.cropBox,
    isFlipped: view.embedding.isFlipped,
    logits: planeOf(view, before.chosen),
  }));
}

/** The mask that the answer to one more point is blended with; null after any other change. */
export function previousMask(before: Draft, after: Draft): PreviousMask | null {
  const logits = before.candidates.at(before.chosen)?.maskLogits;
  const isSameSoFar = before.prompts.every((prompt, i) => after.prompts[i] === prompt);
  const isOneMore = isSameSoFar && after.prompts.length === before.prompts.length + 1;
  return logits && isOneMore ? { cropBox: before.cropBox, logits } : null;
}

/** The model's mask with the hand's changes over it. */
export function withHandEdits(mask: ColumnMask, draft: Draft): ColumnMask {
  const added = draft.added ? combineMasks(mask, draft.added, "union") : mask;
  return draft.removed ? combineMasks(added, draft.removed, "subtract") : added;
}

/** The draft after an edit by hand turned its mask from `before` into `after`. */
export function noteHandEdit(draft: Draft, before: ColumnMask, after: ColumnMask, edit: DraftEdit): Draft {
  const plus = combineMasks(after, before, "subtract");
  const minus = combineMasks(before, after, "subtract");
  const added = draft.added ? combineMasks(combineMasks(draft.added, minus, "subtract"), plus, "union") : plus;
  const removed = draft.removed ? combineMasks(combineMasks(draft.removed, plus, "subtract"), minus, "union") : minus;
  return { ...draft, mask: after, added, removed, edits: [...draft.edits, edit] };
}
