/**
 * Keeps the server up to date with the document: turns settled changes into operations, takes the server's rows in, and
 * merges what two people did to one mask, or shows both where it cannot.
 */
import type { ImageOutbox } from "../../api/image-outbox";
import type { JournalEntry } from "../../api/journal";
import { recordFromRow, wireFields, type AnnotationRow, type OperationResult, type WireFields } from "../../api/wire";
import { masksEqual } from "../../geometry/column-mask";
import type { Change, MaskDocument } from "../../model/document";
import type { MaskRecord } from "../../model/mask-record";
import { operationsFor } from "../../model/operations";
import type { Conflict } from "../../model/workspace";
import { mergeRace, type BaseFields } from "./merging";

export interface SavingEvents {
  onConflict(conflict: Conflict): void;
  /** What two people did to one mask is one mask now. */
  onMerged(theirName: string): void;
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
    private readonly getOutbox: () => Pick<ImageOutbox, "enqueue" | "isPending" | "noteRevision" | "unpark">,
    private readonly events: SavingEvents,
    private readonly readRevision: (id: string, revision: number) => Promise<BaseFields | null>,
  ) {
    document.subscribe((changes, origin) => {
      if (origin === "local") for (const change of changes) if (change.kind === "mask") this.dirty.add(change.id);
    });
  }

  /** Show the server's rows, leaving masks with unsent changes as they are shown; those not shown yet are taken first. */
  load(rows: readonly AnnotationRow[]): void {
    const seen = new Set(rows.map((row) => row.id));
    const changes = rows.filter(({ id }) => !this.told.has(id) || !this.isBusy(id)).flatMap((row) => this.take(row));
    for (const record of this.document.all()) {
      if (seen.has(record.id) || this.isBusy(record.id) || !this.rows.has(record.id)) continue;
      this.told.set(record.id, null);
      changes.push({ kind: "mask", id: record.id, before: record, after: null });
    }
    this.document.apply(changes, "remote");
  }

  /** Show what an earlier visit or another tab has made and not brought to the server yet. */
  showReplayed(entries: readonly JournalEntry[], size: readonly [number, number]): void {
    const known = new Map<string, WireFields>();
    for (const { operation } of entries) {
      const id = operation.annotation_id;
      const before = this.document.get(id) ?? null;
      const fields = { ...known.get(id), ...operation.fields };
      known.set(id, fields);
      const after = replayed(before, this.rows.get(id), { ...operation, fields }, size);
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

  /** Merge a lost race where each side changed other things; else ask the person. `lost` stays journalled until then. */
  onConflict(lost: readonly JournalEntry[], result: OperationResult): void {
    const id = lost[0].operation.annotation_id;
    const row = result.annotation;
    const theirs = row && !row.deleted_at ? row : null;
    const known = this.rows.get(id);
    if (row) this.rows.set(row.id, row);
    const record = theirs && recordFromRow(theirs);
    const mine = this.document.get(id) ?? null;
    // An operation without a base was made on top of what the server answered last.
    const wanted = lost[0].operation.base_revision ?? known?.revision;
    if (mine === record || (mine && record && sameContent(mine, record))) this.settle(id, record, record);
    else if (!theirs || wanted === undefined) this.ask(id, row);
    else if (known?.revision === wanted) this.mergeOrAsk(lost, theirs, known);
    else void this.findBase(id, wanted).then((base) => this.mergeOrAsk(lost, theirs, base));
  }

  /** Ask the server for the base revision, which is lost on reload. Null where the server cannot be reached. */
  private findBase(id: string, revision: number): Promise<BaseFields | null> {
    return this.readRevision(id, revision).catch(() => null);
  }

  private mergeOrAsk(lost: readonly JournalEntry[], theirs: AnnotationRow, base: BaseFields | null): void {
    const mine = this.document.get(theirs.id);
    const merged = mine && base ? mergeRace({ lost, mine, theirs, base }) : null;
    if (!merged) {
      this.ask(theirs.id, theirs);
      return;
    }
    this.settle(theirs.id, recordFromRow(theirs), merged);
    this.events.onMerged(theirs.author?.name ?? "");
  }

  private ask(id: string, row: AnnotationRow | null): void {
    const theirs = row && !row.deleted_at ? recordFromRow(row) : null;
    const mine = this.document.get(id) ?? null;
    this.events.onConflict({ annotationId: id, mine, theirs, theirName: row?.author?.name ?? "" });
  }

  /** Settle a lost race: the server has `theirs`, the mask shall be `after`. The difference is sent at once. */
  settle(id: string, theirs: MaskRecord | null, after: MaskRecord | null): void {
    const settled = this.getOutbox().unpark(id, () => {
      this.told.set(id, theirs);
      this.document.apply([{ kind: "mask", id, before: null, after }], "local");
      this.flush();
    });
    settled.catch((error: unknown) => this.events.onStorageFailed(error));
  }

  /** What was refused of a mask is given up: show what the server has of it. */
  onDropped(id: string): void {
    const row = this.rows.get(id);
    const record = row && !row.deleted_at ? recordFromRow(row) : null;
    this.told.set(id, record);
    this.document.apply([{ kind: "mask", id, before: null, after: record }], "remote");
  }

  /** A mask that was deleted: bringing it back is a restore. */
  noteDeleted(row: AnnotationRow): MaskRecord {
    this.rows.set(row.id, row);
    this.getOutbox().noteRevision(row.id, row.revision);
    this.told.set(row.id, null);
    return recordFromRow(row);
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
}

/** A mask after an operation of an earlier visit; `operation.fields` holds those of the operations before it, too. */
function replayed(
  before: MaskRecord | null,
  row: AnnotationRow | undefined,
  operation: JournalEntry["operation"],
  size: readonly [number, number],
): MaskRecord | null {
  const { type, annotation_id: id, fields } = operation;
  if (type === "delete" || (type === "update" && !before)) return null;
  if (type === "restore") return before ?? (row ? recordFromRow(row) : null);
  const merged = recordFromRow({ ...blankRow(id, size), ...row, ...fields });
  const isMaskKept = before !== null && fields.counts === undefined;
  return isMaskKept ? { ...merged, mask: before.mask, area: before.area, bounds: before.bounds } : merged;
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

function sameContent(a: MaskRecord, b: MaskRecord): boolean {
  return a.labelId === b.labelId && a.state === b.state && a.isLocked === b.isLocked && masksEqual(a.mask, b.mask);
}
