/** Records for tests. */
import type { ColumnMask } from "../geometry/column-mask";
import { withMask, type MaskRecord } from "./mask-record";

export function makeRecord(id: string, mask: ColumnMask, fields: Partial<MaskRecord> = {}): MaskRecord {
  const record = {
    id,
    labelId: null,
    source: "manual" as const,
    state: "accepted" as const,
    predictedIou: null,
    stabilityScore: null,
    provenance: {},
    attributes: {},
    zOrder: 1,
    isLocked: false,
    activeMs: 0,
    authorName: "",
    createdAt: "2026-01-01T00:00:00Z",
    ...fields,
  };
  return withMask(record, mask);
}
