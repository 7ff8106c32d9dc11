/**
 * One saved mask as the workspace holds it. Records are values: an edit makes a new one.
 *
 * Knows nothing of the network; the server's revision numbers live with the outbox, so that undo never rolls them back.
 */
import { maskArea, maskBounds, type ColumnMask } from "../geometry/column-mask";
import type { BoxXyxy, Prompt } from "../geometry/types";

export type MaskSource = "manual" | "suggestion" | "automatic" | "import";
export type MaskState = "suggestion" | "accepted" | "rejected";
export type AttributeValue = string | number | boolean | null;

/** How a mask came to be; kept with it for good and exported. Coordinates are pixels of the upright photo. */
export interface Provenance {
  readonly prompts?: readonly ProvenancePrompt[];
  readonly candidate?: number | null;
  readonly model_version?: string | null;
  readonly predicted_iou?: number | null;
  readonly stability_score?: number | null;
  readonly crop_box?: readonly number[] | null;
  /** The views that the mask is made of, from the whole photo to the closest crop. */
  readonly views?: readonly { readonly crop_box: readonly number[] | null; readonly is_flipped: boolean }[];
  readonly brush_pixels?: number;
  readonly edits?: readonly string[];
  readonly [other: string]: unknown;
}

export type ProvenancePrompt =
  | { readonly type: "point"; readonly x: number; readonly y: number; readonly label: 0 | 1 }
  | { readonly type: "box"; readonly x0: number; readonly y0: number; readonly x1: number; readonly y1: number };

export interface MaskRecord {
  readonly id: string;
  readonly labelId: number | null;
  readonly mask: ColumnMask;
  readonly area: number;
  readonly bounds: BoxXyxy;
  readonly source: MaskSource;
  readonly state: MaskState;
  readonly predictedIou: number | null;
  readonly stabilityScore: number | null;
  readonly provenance: Provenance;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly zOrder: number;
  readonly isLocked: boolean;
  readonly activeMs: number;
  readonly authorName: string;
  readonly createdAt: string;
}

/** A predicted IoU as people read it: a model may say a little more than one, or less than nothing. */
export function scoreText(predictedIou: number): string {
  return Math.min(Math.max(predictedIou, 0), 1).toFixed(2);
}

const NO_BOUNDS: BoxXyxy = { x0: 0, y0: 0, x1: 0, y1: 0 };

/** A record with another mask, measured anew. */
export function withMask(record: Omit<MaskRecord, "mask" | "area" | "bounds">, mask: ColumnMask): MaskRecord {
  return { ...record, mask, area: maskArea(mask), bounds: maskBounds(mask) ?? NO_BOUNDS };
}

/**
 * A record that a person stands behind. A suggestion becomes an annotation, as the server says as well, and gets the
 * label in hand where the model gave it none.
 */
export function adopted<T extends Pick<MaskRecord, "state" | "labelId">>(record: T, labelInHand: number | null): T {
  if (record.state !== "suggestion") return record;
  return { ...record, state: "accepted", labelId: record.labelId ?? labelInHand };
}

/** A record whose mask was changed by hand: what the model thought of its own mask is no score of this one. */
export function editedByHand(
  record: Omit<MaskRecord, "mask" | "area" | "bounds">,
  mask: ColumnMask,
  labelInHand: number | null,
): MaskRecord {
  return withMask({ ...adopted(record, labelInHand), predictedIou: null, stabilityScore: null }, mask);
}

/** Note an edit in a record's provenance, with the number of pixels it changed. */
export function noteEdit(provenance: Provenance, edit: string, changedPixels: number): Provenance {
  const edits = provenance.edits ?? [];
  const isRepeat = edits.at(-1) === edit;
  return {
    ...provenance,
    edits: isRepeat ? edits : [...edits, edit],
    brush_pixels: (provenance.brush_pixels ?? 0) + changedPixels,
  };
}

export function promptsForProvenance(prompts: readonly Prompt[]): ProvenancePrompt[] {
  return prompts.map((prompt) =>
    prompt.kind === "point"
      ? { type: "point", x: round(prompt.point.x), y: round(prompt.point.y), label: prompt.label }
      : {
          type: "box",
          x0: round(prompt.box.x0),
          y0: round(prompt.box.y0),
          x1: round(prompt.box.x1),
          y1: round(prompt.box.y1),
        },
  );
}

/** Hundredths of a pixel: finer than any pointer, and short in JSON. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export interface LabelInfo {
  readonly id: number;
  readonly name: string;
  readonly color: string;
  readonly key: string;
  readonly position: number;
  readonly attributes: readonly AttributeSpec[];
}

/** What a label asks about each of its masks. */
export interface AttributeSpec {
  readonly name: string;
  readonly kind: "choice" | "number" | "text" | "flag";
  readonly choices?: readonly string[];
  readonly is_required?: boolean;
}

/** Accepted masks whose label asks for something that they do not answer; a flag always has an answer. */
export function unanswered(masks: readonly MaskRecord[], labels: readonly LabelInfo[]): MaskRecord[] {
  const asked = new Map(labels.map((label) => [label.id, label.attributes.filter((spec) => spec.is_required)]));
  return masks.filter(
    (record) =>
      record.state === "accepted" &&
      (asked.get(record.labelId ?? -1) ?? []).some(
        ({ name, kind }) => kind !== "flag" && (record.attributes[name] ?? "") === "",
      ),
  );
}

/** Accepted masks without a label, in a project that has labels. */
export function unlabelled(masks: readonly MaskRecord[], labels: readonly LabelInfo[]): MaskRecord[] {
  if (labels.length === 0) return [];
  return masks.filter(({ state, labelId }) => state === "accepted" && labelId === null);
}
