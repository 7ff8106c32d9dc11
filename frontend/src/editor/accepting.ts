/** Makes a saved mask of a draft. */
import { isEmpty, type ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy } from "../geometry/types";
import type { Draft } from "../model/draft";
import type { Change } from "../model/document";
import {
  mended,
  noteEdit,
  promptsForProvenance,
  withMask,
  type MaskRecord,
  type Provenance,
} from "../model/mask-record";
import { addEffort, type Effort } from "./effort-log";
import type { OverlapRule } from "./mask-commands";
import type { ImageSession } from "./image-session";

export interface AcceptOptions {
  readonly labelId: number | null;
  readonly overlap: OverlapRule;
  readonly modelVersion: string | null;
  readonly activeMs: number;
  readonly effort: Effort;
  readonly authorName: string;
}

/** Do something once the model has answered the draft as it is now; nothing if it is changed or dropped before. */
export function whenAnswered(
  { document, prompting }: Pick<ImageSession, "document" | "prompting">,
  then: () => void,
): void {
  const asked = document.draft;
  const stop = prompting.isDecoding.subscribe(() => {
    if (prompting.isDecoding.get()) return;
    stop();
    const { draft } = document;
    const isAnswered = draft?.prompts === asked?.prompts && draft?.candidates !== asked?.candidates;
    if (draft && isAnswered) then();
  });
}

/** Save the draft as one step of the history; returns the new record, or null when there is nothing to save. */
export function acceptDraft(session: ImageSession, options: AcceptOptions): MaskRecord | null {
  const { draft } = session.document;
  if (!draft?.mask || isEmpty(draft.mask)) return null;
  const { mask, cuts } = session.commands.withoutOverlap(draft.mask, options.overlap, draft.targetId);
  if (isEmpty(mask)) return null;
  const before = draft.targetId === null ? null : (session.document.get(draft.targetId) ?? null);
  const after = before ? refined(before, draft, mask, options) : created(session, draft, mask, options);
  const changes: Change[] = [
    ...cuts,
    { kind: "mask", id: after.id, before, after },
    { kind: "draft", before: draft, after: null },
  ];
  session.prompting.stop();
  session.commands.commit("accept", changes);
  return after;
}

function created(session: ImageSession, draft: Draft, mask: ColumnMask, options: AcceptOptions): MaskRecord {
  const chosen = draft.candidates.at(draft.chosen);
  const record = {
    id: crypto.randomUUID(),
    labelId: options.labelId,
    source: "manual" as const,
    state: "accepted" as const,
    predictedIou: chosen?.predictedIou ?? null,
    stabilityScore: chosen?.stabilityScore ?? null,
    provenance: addEffort(provenanceOf(draft, options.modelVersion, {}), options.effort),
    attributes: {},
    zOrder: session.document.nextZOrder(),
    isLocked: false,
    activeMs: options.activeMs,
    authorName: options.authorName,
    createdAt: session.document.nextMoment(),
  };
  return withMask(record, mask);
}

function refined(before: MaskRecord, draft: Draft, mask: ColumnMask, options: AcceptOptions): MaskRecord {
  const chosen = draft.candidates.at(draft.chosen);
  const record = {
    ...before,
    predictedIou: chosen?.predictedIou ?? before.predictedIou,
    stabilityScore: chosen?.stabilityScore ?? before.stabilityScore,
    provenance: addEffort(provenanceOf(draft, options.modelVersion, before.provenance), options.effort),
    activeMs: before.activeMs + options.activeMs,
  };
  return mended(record, mask);
}

function provenanceOf(draft: Draft, modelVersion: string | null, base: Provenance): Provenance {
  const chosen = draft.candidates.at(draft.chosen);
  const model: Provenance = chosen
    ? {
        candidate: chosen.index,
        model_version: modelVersion,
        predicted_iou: chosen.predictedIou,
        stability_score: chosen.stabilityScore,
        views: draft.seen.map(({ embedding }) => ({
          crop_box: cornersOf(embedding.cropBox),
          is_mirrored: embedding.isMirrored,
        })),
      }
    : {};
  const provenance: Provenance = {
    ...base,
    ...model,
    prompts: promptsForProvenance(draft.prompts),
    crop_box: cornersOf(draft.cropBox),
  };
  return draft.edits.reduce((noted, edit) => noteEdit(noted, edit.name, edit.pixels), provenance);
}

function cornersOf(box: BoxXyxy | null): number[] | null {
  return box && [box.x0, box.y0, box.x1, box.y1];
}
