/** What the API sends and takes, as docs/contracts.md has it, and its translation to and from the document's records. */
import { columnCount, emptyMask, maskFromCounts, maskToCounts, type ColumnMask } from "../geometry/column-mask";
import { decodeCounts, encodeCounts } from "../geometry/rle";
import type { Size } from "../geometry/types";
import {
  withMask,
  type AttributeValue,
  type MaskRecord,
  type MaskSource,
  type MaskState,
  type Provenance,
} from "../model/mask-record";
import type { OperationDraft, OperationFields } from "../model/operations";

export interface AnnotationRow {
  readonly id: string;
  readonly image_id: number;
  readonly label_id: number | null;
  readonly counts: string;
  readonly size: readonly [number, number];
  readonly source: MaskSource;
  readonly state: MaskState;
  readonly predicted_iou: number | null;
  readonly stability_score: number | null;
  readonly provenance: Provenance;
  readonly attributes: Record<string, AttributeValue>;
  readonly z_order: number;
  readonly is_locked: boolean;
  readonly revision: number;
  readonly author: { readonly id: number; readonly name: string } | null;
  readonly active_ms: number;
  readonly created_at: string;
  readonly deleted_at?: string | null;
}

export interface ImageDetail {
  readonly id: number;
  readonly project_id: number;
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly sha256: string;
  readonly status: string;
  readonly work_status: string;
  /** The stage it is or was annotated in; empty before. */
  readonly stage: string;
  readonly error: string | null;
  readonly thumbnail_url: string;
  readonly preview: { readonly url: string; readonly width: number; readonly height: number };
  readonly tiles: {
    readonly tile_size: number;
    readonly levels: readonly { level: number; width: number; height: number }[];
    readonly url_template: string;
  } | null;
  readonly embedding: EmbeddingInfo;
  readonly previous_id: number | null;
  readonly next_id: number | null;
  readonly position: number;
  readonly total: number;
}

export interface EmbeddingInfo {
  readonly status: string;
  readonly url: string | null;
  readonly key: string | null;
  readonly model_version: string | null;
}

export interface WireFields {
  label_id?: number | null;
  counts?: string;
  provenance?: Provenance;
  attributes?: Record<string, AttributeValue>;
  z_order?: number;
  is_locked?: boolean;
  state?: MaskState;
  source?: MaskSource;
  predicted_iou?: number | null;
  stability_score?: number | null;
  active_ms?: number;
}

export interface WireOperation {
  readonly op_id: string;
  readonly type: OperationDraft["type"];
  readonly annotation_id: string;
  readonly base_revision: number;
  readonly fields: WireFields;
}

export interface OperationResult {
  readonly op_id: string;
  readonly status: "applied" | "duplicate" | "conflict" | "rejected";
  readonly annotation: AnnotationRow | null;
  readonly code: string;
  readonly message: string;
}

export interface CommentRow {
  readonly id: number;
  readonly annotation_id: string | null;
  readonly body: string;
  readonly x: number | null;
  readonly y: number | null;
  readonly author: { readonly id: number; readonly name: string } | null;
  readonly created_at: string;
  readonly resolved_at: string | null;
}

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
  if (mask && columnCount(mask) > 0) wire.counts = encodeCounts(maskToCounts(mask));
  return wire;
}
