/** Makes a saved mask of a draft. */
import { isEmpty, type ColumnMask } from "../../geometry/column-mask";
import type { BoxXyxy } from "../../geometry/types";
import type { Change, MaskDocument } from "../../model/document";
import type { Draft } from "../../model/draft";
import {
  adopted,
  noteEdit,
  promptsForProvenance,
  withMask,
  type MaskRecord,
  type Provenance,
} from "../../model/mask-record";
import { newId } from "../../platform/ids";
import type { MaskCommands } from "../editing/mask-commands";
import type { Prompting } from "../prompting/prompting";
import type { OverlapRule } from "../state/config";
import { addEffort, type Effort } from "./effort-log";

/** The open image, as far as a draft becomes a mask of it. */
export interface DraftedImage {
  readonly document: MaskDocument;
  readonly prompting: Pick<Prompting, "isDecoding" | "choosing" | "stop">;
  readonly commands: Pick<MaskCommands, "withoutOverlap" | "commit">;
}

export interface AcceptOptions {
  readonly labelId: number | null;
  readonly overlap: OverlapRule;
  readonly modelVersion: string | null;
  readonly activeMs: number;
  readonly effort: Effort;
  readonly authorName: string;
}

type Waiting = Pick<Prompting, "isDecoding" | "choosing">;

/** Whether the draft's mask is still on its way: the model has not answered, or another candidate was chosen. */
export function isMaskComing({ isDecoding, choosing }: Waiting): boolean {
  return isDecoding.get() || choosing.get() > 0;
}

/** Do something once the draft as it is now has its mask; nothing if it is changed or dropped before. */
export function whenAnswered(
  { document, prompting }: { readonly document: MaskDocument; readonly prompting: Waiting },
  then: () => void,
): void {
  const asked = document.draft;
  const stops = [prompting.isDecoding, prompting.choosing].map((store) => store.subscribe(() => follow()));
  const follow = (): void => {
    if (isMaskComing(prompting)) return;
    for (const stop of stops) stop();
    const { draft } = document;
    const isAnswered = draft?.candidates !== asked?.candidates || draft?.mask !== asked?.mask;
    if (draft && draft.prompts === asked?.prompts && isAnswered) then();
  };
}

/** Save the draft as one step of the history; returns the new record, or null when there is nothing to save. */
export function acceptDraft(session: DraftedImage, options: AcceptOptions): MaskRecord | null {
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

function created(session: DraftedImage, draft: Draft, mask: ColumnMask, options: AcceptOptions): MaskRecord {
  const record = {
    id: newId(),
    labelId: options.labelId,
    source: "manual" as const,
    state: "accepted" as const,
    ...scoresOf(draft),
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
  const record = {
    ...adopted(before, options.labelId),
    ...(draft.candidates.length > 0 || draft.edits.length > 0 ? scoresOf(draft) : {}),
    provenance: addEffort(provenanceOf(draft, options.modelVersion, before.provenance), options.effort),
    activeMs: before.activeMs + options.activeMs,
  };
  return withMask(record, mask);
}

/** What the model thinks of the mask; nothing once a hand has changed it. */
function scoresOf(draft: Draft): Pick<MaskRecord, "predictedIou" | "stabilityScore"> {
  const chosen = draft.edits.length === 0 ? draft.candidates.at(draft.chosen) : undefined;
  return { predictedIou: chosen?.predictedIou ?? null, stabilityScore: chosen?.stabilityScore ?? null };
}

function provenanceOf(draft: Draft, modelVersion: string | null, base: Provenance): Provenance {
  const chosen = draft.candidates.at(draft.chosen);
  const model: Provenance = chosen
    ? {
        candidate: chosen.index,
        model_version: modelVersion,
        predicted_iou: chosen.predictedIou,
        stability_score: chosen.stabilityScore,
        views: draft.decodedViews.map(({ embedding }) => ({
          crop_box: cornersOf(embedding.cropBox),
          is_flipped: embedding.isFlipped,
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
