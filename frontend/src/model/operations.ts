/**
 * What to tell the server about a change of the document: the operation and only the fields that differ.
 */
import { masksEqual } from "../geometry/column-mask";
import type { MaskRecord } from "./mask-record";

/** Fields of an operation under the names of the API, with the mask still unencoded. */
export type OperationFields = Partial<
  Pick<
    MaskRecord,
    | "labelId"
    | "mask"
    | "source"
    | "state"
    | "predictedIou"
    | "stabilityScore"
    | "provenance"
    | "attributes"
    | "zOrder"
    | "isLocked"
    | "activeMs"
  >
>;

export interface OperationDraft {
  readonly type: "create" | "update" | "delete" | "restore";
  readonly annotationId: string;
  readonly fields: OperationFields;
}

const FIELDS = [
  "labelId",
  "mask",
  "source",
  "state",
  "predictedIou",
  "stabilityScore",
  "provenance",
  "attributes",
  "zOrder",
  "isLocked",
  "activeMs",
] as const satisfies readonly (keyof OperationFields)[];

/**
 * The operations that turn `before` into `after`; none when they are the same.
 * `isKnown`: the server has, or will have, a row of this id, so that bringing it back is a restore and not a create.
 */
export function operationsFor(
  id: string,
  before: MaskRecord | null,
  after: MaskRecord | null,
  isKnown: boolean,
): OperationDraft[] {
  if (!after) return before ? [{ type: "delete", annotationId: id, fields: {} }] : [];
  if (!before && !isKnown) return [{ type: "create", annotationId: id, fields: pickFields(after, FIELDS) }];
  if (!before) return [{ type: "restore", annotationId: id, fields: {} }];
  const changed = FIELDS.filter((name) => !isSame(name, before, after));
  if (changed.length === 0) return [];
  return [{ type: "update", annotationId: id, fields: pickFields(after, changed) }];
}

function pickFields(record: MaskRecord, names: readonly (keyof OperationFields)[]): OperationFields {
  return Object.fromEntries(names.map((name) => [name, record[name]]));
}

function isSame(name: keyof OperationFields, before: MaskRecord, after: MaskRecord): boolean {
  if (before[name] === after[name]) return true;
  if (name === "mask") return masksEqual(before.mask, after.mask);
  if (name !== "provenance" && name !== "attributes") return false;
  return JSON.stringify(before[name]) === JSON.stringify(after[name]);
}
