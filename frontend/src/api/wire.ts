/**
 * Masks as the API sends and takes them (src/wire/openapi.ts), and their translation to and from the document's records.
 *
 * The server keeps provenance and answers as they came; what stands in them the document says (model/mask-record.ts).
 */
import { columnCount, emptyMask, maskFromCounts, maskToCounts, type ColumnMask } from "../geometry/column-mask";
import { decodeCounts, encodeCounts } from "../geometry/rle";
import type { Size } from "../geometry/types";
import { withMask, type AttributeValue, type MaskRecord, type Provenance } from "../model/mask-record";
import type { OperationFields } from "../model/operations";
import type * as Wire from "../wire/openapi";

export type { CommentOut as CommentRow, ImageDetail } from "../wire/openapi";

/** What stands in a mask's open fields. */
interface Kept {
  readonly provenance: Provenance;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** What the workspace finds out by itself, from the mask or from the image, and never reads of a row. */
type Unread = "bbox" | "area" | "stage" | "updated_at" | "deleted_at";

export type AnnotationRow = Omit<Wire.AnnotationOut, keyof Kept | Unread> &
  Kept & { readonly deleted_at?: string | null };

/** A mask that was deleted, and by whom. */
export type DeletedRow = AnnotationRow & Pick<Wire.DeletedOut, "deleted_by">;

/** What an operation sets, as the row has it afterwards; what is left out stays. */
export type WireFields = Partial<Pick<AnnotationRow, keyof Wire.OperationFields>>;

export type WireOperation = Omit<Wire.Operation, "fields" | "base_revision" | "override"> & {
  readonly base_revision: number;
  readonly fields: WireFields;
  /** A reviewer or admin does it although a rule stands in the way; the server records it. */
  readonly override?: true;
};

/** `revision` is the one that the operation made; the mask may be further by now. */
export type OperationResult = Omit<Wire.OperationResult, "op_id" | "annotation" | "revision"> & {
  readonly op_id: string;
  readonly annotation: AnnotationRow | null;
  readonly revision?: number | null;
};

/** Read a mask from COCO's compressed counts; size is (height, width), as on the wire. */
export function maskFromWire(counts: string, [height, width]: readonly [number, number]): ColumnMask {
  const size: Size = { height, width };
  return counts === "" ? emptyMask(size) : maskFromCounts(decodeCounts(counts, size), size);
}

export function recordFromRow(row: AnnotationRow): MaskRecord {
  const rest = {
    id: row.id,
    labelId: row.label_id,
    source: row.source,
    state: row.state,
    predictedIou: row.predicted_iou,
    stabilityScore: row.stability_score,
    provenance: row.provenance,
    attributes: row.attributes,
    zOrder: row.z_order,
    isLocked: row.is_locked,
    activeMs: row.active_ms,
    authorName: row.author?.name ?? "",
    createdAt: row.created_at,
  };
  return withMask(rest, maskFromWire(row.counts, row.size));
}

const NAMES = {
  labelId: "label_id",
  source: "source",
  state: "state",
  predictedIou: "predicted_iou",
  stabilityScore: "stability_score",
  provenance: "provenance",
  attributes: "attributes",
  zOrder: "z_order",
  isLocked: "is_locked",
  activeMs: "active_ms",
} as const satisfies Record<Exclude<keyof OperationFields, "mask">, keyof WireFields>;

/** Encode an operation's fields; the mask becomes COCO compressed counts. */
export function wireFields(fields: OperationFields): WireFields {
  const { mask, ...rest } = fields;
  const named = Object.entries(rest).map(([name, value]) => [NAMES[name as keyof typeof NAMES], value]);
  const wire = Object.fromEntries(named) as WireFields;
  return mask && columnCount(mask) > 0 ? { ...wire, counts: encodeCounts(maskToCounts(mask)) } : wire;
}
