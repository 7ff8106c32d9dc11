/**
 * Keeps the server up to date with the document: turns settled changes into operations, takes the server's rows in, and
 * merges what two people did to one mask, or shows both where it cannot.
 */
import { masksEqual } from "../geometry/column-mask";
import { recordFromRow, wireFields, type AnnotationRow, type OperationResult, type WireFields } from "../api/wire";
import type { JournalEntry } from "../api/journal";
import type { Outbox } from "../api/outbox";
import type { Change, MaskDocument } from "../model/document";
import { operationsFor } from "../model/operations";
import type { MaskRecord } from "../model/mask-record";
import type { Conflict } from "../model/workspace";

export interface SavingEvents {
  onConflict(conflict: Conflict): void;
  onRejected(message: string): void;
  onStorageFailed(error: unknown): void;
}

export class Saving {
  /** What the server has been told of each mask; null: deleted there. */
  private readonly told = new Map<string, MaskRecord | null>();
  private readonly dirty = new Set<string>();
  /** The server's last row of each mask, to tell who changed what when two people did. */
  private readonly rows = new Map<string, AnnotationRow>();

  constructor(
    private readonly document: MaskDocument,
    private readonly getOutbox: () => Outbox,
    private readonly events: SavingEvents,
  ) {
    document.subscribe((changes, origin) => {
      if (origin === "local") for (const change of changes) if (change.kind === "mask") this.dirty.add(change.id);
    });
  }

  /** Show the server's rows, leaving masks with unsent changes as they are. */
  load(rows: readonly AnnotationRow[]): void {
    const seen = new Set(rows.map((row) => row.id));
    const changes = rows.filter((row) => !this.isBusy(row.id)).flatMap((row) => this.take(row));
    for (const record of this.document.all()) {
      if (seen.has(record.id) || this.isBusy(record.id) || !this.rows.has(record.id)) continue;
      this.told.set(record.id, null);
      changes.push({ kind: "mask", id: record.id, before: record, after: null });
    }
    this.document.apply(changes, "remote");
  }

  /** Show again what an earlier visit had not brought to the server. */
  showReplayed(entries: readonly JournalEntry[], size: readonly [number, number]): void {
    for (const { operation } of entries) {
      const id = operation.annotation_id;
      const before = this.document.get(id) ?? null;
      const row = this.rows.get(id);
      const after = operation.type === "delete" ? null : mergeFields(before, row, operation, size);
      if (operation.type !== "delete" && !after) continue;
      this.told.set(id, after);
      this.document.apply([{ kind: "mask", id, before, after }], "remote");
    }
  }

  /** Send what has changed since the last time. Call when a gesture is over. */
  flush(): void {
    const ids = [...this.dirty];
    this.dirty.clear();
    for (const id of ids) this.tell(id);
  }

  onApplied(result: OperationResult): void {
    const row = result.annotation;
    if (row) this.rows.set(row.id, row);
  }

  /** Merge a lost race where each side changed other things; else ask the person. */
  onConflict(entry: JournalEntry, result: OperationResult): void {
    const { operation } = entry;
    const theirs = result.annotation;
    const base = this.rows.get(operation.annotation_id);
    const isGone = !theirs || Boolean(theirs.deleted_at);
    if (operation.type === "delete" && isGone) return;
    if (theirs) this.rows.set(theirs.id, theirs);
    if (!isGone && base && operation.type === "update" && !touchesSame(operation.fields, base, theirs)) {
      this.mergeInto(theirs, operation.fields);
      return;
    }
    const record = isGone ? null : recordFromRow(theirs);
    const mine = this.document.get(operation.annotation_id) ?? null;
    this.told.set(operation.annotation_id, record);
    if (mine && record && sameContent(mine, record)) return;
    this.events.onConflict({
      annotationId: operation.annotation_id,
      mine,
      theirs: record,
      theirName: theirs?.author?.name ?? "",
    });
  }

  onRejected(entry: JournalEntry, result: OperationResult): void {
    const id = entry.operation.annotation_id;
    const row = result.annotation ?? this.rows.get(id);
    const record = row && !row.deleted_at ? recordFromRow(row) : null;
    this.told.set(id, record);
    this.document.apply([{ kind: "mask", id, before: null, after: record }], "remote");
    this.events.onRejected(result.message);
  }

  private isBusy(id: string): boolean {
    return this.dirty.has(id) || this.getOutbox().isPending(id);
  }

  private take(row: AnnotationRow): Change[] {
    const known = this.rows.get(row.id);
    if (known && known.revision >= row.revision) return [];
    this.rows.set(row.id, row);
    this.getOutbox().noteRevision(row.id, row.revision);
    const record = recordFromRow(row);
    this.told.set(row.id, record);
    return [{ kind: "mask", id: row.id, before: null, after: record }];
  }

  private tell(id: string): void {
    const before = this.told.get(id) ?? null;
    const after = this.document.get(id) ?? null;
    const operations = operationsFor(id, before, after, this.told.has(id));
    if (operations.length > 0) this.told.set(id, after);
    for (const { type, fields } of operations) {
      const queued = this.getOutbox().enqueue({ type, annotation_id: id, fields: wireFields(fields) });
      queued.catch((error: unknown) => this.events.onStorageFailed(error));
    }
  }

  /** Send my fields again on top of their row; neither side loses anything. */
  private mergeInto(theirs: AnnotationRow, fields: WireFields): void {
    const base = recordFromRow(theirs);
    const merged = recordFromRow({ ...theirs, ...fields });
    this.told.set(theirs.id, base);
    this.document.apply([{ kind: "mask", id: theirs.id, before: null, after: merged }], "local");
    this.flush();
  }
}

function mergeFields(
  before: MaskRecord | null,
  row: AnnotationRow | undefined,
  operation: JournalEntry["operation"],
  size: readonly [number, number],
): MaskRecord | null {
  if (operation.type === "create")
    return recordFromRow({ ...blankRow(operation.annotation_id, size), ...operation.fields });
  if (operation.type === "restore") return before ?? (row ? recordFromRow(row) : null);
  if (!before) return null;
  const merged = recordFromRow({ ...blankRow(before.id, size), ...row, ...operation.fields });
  return operation.fields.counts === undefined
    ? { ...merged, mask: before.mask, area: before.area, bounds: before.bounds }
    : merged;
}

function blankRow(id: string, size: readonly [number, number]): AnnotationRow {
  return {
    id,
    image_id: 0,
    label_id: null,
    counts: "",
    size,
    source: "manual",
    state: "accepted",
    predicted_iou: null,
    stability_score: null,
    provenance: {},
    attributes: {},
    z_order: 0,
    is_locked: false,
    revision: 0,
    author: null,
    active_ms: 0,
    created_at: new Date().toISOString(),
  };
}

/** Whether they changed any of the fields that I changed. Notes about edits follow the mask and decide nothing. */
function touchesSame(mine: WireFields, base: AnnotationRow, theirs: AnnotationRow): boolean {
  const names = (Object.keys(mine) as (keyof WireFields)[]).filter(
    (name) => name !== "provenance" && name !== "active_ms",
  );
  return names.some((name) => JSON.stringify(base[name]) !== JSON.stringify(theirs[name]));
}

function sameContent(a: MaskRecord, b: MaskRecord): boolean {
  return a.labelId === b.labelId && a.state === b.state && a.isLocked === b.isLocked && masksEqual(a.mask, b.mask);
}
