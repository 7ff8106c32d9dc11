/**
 * Brings operations to the server, in order, each exactly once: journal first, then send, then forget.
 *
 * A retry carries the same id, so the server never doubles it. Each operation says which revision its author saw;
 * one made on top of another that is still under way follows that one's revision. What lost a race is parked: it stays
 * in the journal, unsent, until the editor has settled it. Knows nothing of the document.
 */
import { ApiError, type HttpClient } from "./http";
import type { Journal, JournalEntry } from "./journal";
import type { OperationResult, WireOperation } from "./wire";

export type SaveStatus = "saved" | "saving" | "offline" | "signed-out" | "trouble" | "conflict";

export interface OutboxEvents {
  onStatus(status: SaveStatus, pending: number): void;
  /** The server has taken an operation (or had it already). */
  onApplied(result: OperationResult): void;
  /** Somebody else was faster: none of `mine` was applied, all are parked; `result.annotation` is what is there. */
  onConflict(mine: readonly JournalEntry[], result: OperationResult): void;
  /** An operation that can never be applied; it was dropped from the journal. */
  onRejected(mine: JournalEntry, result: OperationResult): void;
}

export interface Clock {
  setTimeout(callback: () => void, ms: number): unknown;
}

const BATCH = 100;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000] as const;

export class Outbox {
  private readonly entries: JournalEntry[] = [];
  private readonly parked = new Map<string, JournalEntry[]>();
  private readonly revisions = new Map<string, number>();
  /** What the operation that is enqueued next on a mask stands for: sequences of lost ones, while a race is settled. */
  private readonly lost = new Map<string, readonly number[]>();
  private appending: Promise<unknown> = Promise.resolve();
  /** The latest append as it is: it rejects where the journal could not be written. */
  private latest: Promise<unknown> = Promise.resolve();
  private isSending = false;
  private failures = 0;
  private writing = 0;
  private isClosed = false;

  constructor(
    private readonly imageId: number,
    private readonly http: HttpClient,
    private readonly journal: Journal,
    private readonly events: OutboxEvents,
    private readonly clock: Clock = { setTimeout: (callback, ms) => setTimeout(callback, ms) },
  ) {}

  /** The revision that the server has of a mask; 0 when it has none. */
  noteRevision(annotationId: string, revision: number): void {
    if (revision > (this.revisions.get(annotationId) ?? 0)) this.revisions.set(annotationId, revision);
  }

  /** True while the mask has changes that the server has not answered for, or that lost a race. */
  isPending(annotationId: string): boolean {
    return this.isWaiting(annotationId) || this.parked.has(annotationId);
  }

  /** Operations that the server does not have yet, the parked ones too. */
  get pendingCount(): number {
    return this.entries.length + this.writing + this.parkedCount;
  }

  get parkedCount(): number {
    return [...this.parked.values()].reduce((sum, entries) => sum + entries.length, 0);
  }

  /**
   * The lost race of a mask is settled: what `settle` enqueues goes to the server on top of what is there, and takes the
   * place of what was parked in one write, so that no reload finds both and loses the same race again.
   */
  async unpark(annotationId: string, settle: () => void): Promise<void> {
    await this.appending;
    const lost = (this.parked.get(annotationId) ?? []).map(({ sequence }) => sequence);
    this.parked.delete(annotationId);
    this.lost.set(annotationId, lost);
    settle();
    const isLeft = this.lost.delete(annotationId);
    await this.latest;
    if (isLeft) await this.journal.remove(lost);
    void this.flush();
  }

  /** Take up what an earlier visit left in the journal; returns it so that the document can show it. */
  async replay(): Promise<readonly JournalEntry[]> {
    const left = await this.journal.read(this.imageId);
    this.entries.push(...left);
    this.report(left.length > 0 ? "saving" : "saved");
    void this.flush();
    return left;
  }

  /** Journal an operation and send it. Resolves when it is safe on this device. */
  async enqueue(operation: Omit<WireOperation, "op_id" | "base_revision">): Promise<void> {
    this.writing++;
    this.report("saving");
    const insteadOf = this.lost.get(operation.annotation_id);
    this.lost.delete(operation.annotation_id);
    // One after the other, so that the journal's order is the order of the gestures.
    const appended = this.appending.then(() => this.append(operation, insteadOf));
    this.appending = appended.catch(() => undefined);
    this.latest = appended;
    try {
      await appended;
    } finally {
      this.writing--;
    }
    void this.flush();
  }

  private async append(
    operation: Omit<WireOperation, "op_id" | "base_revision">,
    insteadOf?: readonly number[],
  ): Promise<void> {
    const id = operation.annotation_id;
    const base = this.isPending(id) ? null : (this.revisions.get(id) ?? 0);
    const full = { ...operation, op_id: crypto.randomUUID(), base_revision: base };
    const entry = await this.journal.append(this.imageId, full, insteadOf);
    // Looked up now: the race may have been lost, or settled, while the journal was written.
    (this.parked.get(id) ?? this.entries).push(entry);
  }

  private isWaiting(annotationId: string): boolean {
    return this.entries.some(({ operation }) => operation.annotation_id === annotationId);
  }

  /** Send what is waiting. Safe to call at any time. */
  async flush(): Promise<void> {
    if (this.isSending || this.isClosed) return;
    this.isSending = true;
    try {
      while (this.entries.length > 0 && !this.hasEnded()) await this.sendBatch(this.nextBatch());
      if (this.pendingCount === 0) this.report("saved");
      else if (this.parkedCount > 0) this.report("conflict");
    } catch (error) {
      this.retryLater(error);
    } finally {
      this.isSending = false;
    }
  }

  close(): void {
    this.isClosed = true;
  }

  private hasEnded(): boolean {
    return this.isClosed;
  }

  /** The first entries whose base revision is known: one per mask, in order. */
  private nextBatch(): JournalEntry[] {
    const batch: JournalEntry[] = [];
    const masks = new Set<string>();
    for (const entry of this.entries) {
      const id = entry.operation.annotation_id;
      if (!masks.has(id)) batch.push(entry);
      masks.add(id);
      if (batch.length === BATCH) break;
    }
    return batch;
  }

  private async sendBatch(batch: readonly JournalEntry[]): Promise<void> {
    this.report("saving");
    const operations = batch.map(({ operation }) => ({
      ...operation,
      base_revision: operation.base_revision ?? this.revisions.get(operation.annotation_id) ?? 0,
    }));
    const results = await this.post(operations);
    this.failures = 0;
    for (const result of results) await this.settle(batch, result);
  }

  private async post(operations: readonly WireOperation[]): Promise<readonly OperationResult[]> {
    const path = `/images/${this.imageId}/operations`;
    try {
      return (await this.http.send<{ results: OperationResult[] }>("POST", path, { operations })).results;
    } catch (error) {
      const extra = error instanceof ApiError && error.status === 409 ? error.extra : null;
      if (extra !== null && typeof extra === "object" && "results" in extra) return extra.results as OperationResult[];
      throw error;
    }
  }

  private async settle(batch: readonly JournalEntry[], result: OperationResult): Promise<void> {
    const entry = batch.find(({ operation }) => operation.op_id === result.op_id);
    if (!entry) return;
    if (result.annotation) this.noteRevision(result.annotation.id, result.annotation.revision);
    if (result.status === "conflict") {
      this.events.onConflict(this.park(entry.operation.annotation_id), result);
      return;
    }
    await this.forget(entry);
    switch (result.status) {
      case "applied":
      case "duplicate":
        this.events.onApplied(result);
        return;
      case "rejected":
        this.events.onRejected(entry, result);
    }
  }

  /** Put all entries of a mask aside: those behind the lost one were made on top of it. */
  private park(annotationId: string): readonly JournalEntry[] {
    const lost = this.entries.filter(({ operation }) => operation.annotation_id === annotationId);
    for (const entry of lost) this.entries.splice(this.entries.indexOf(entry), 1);
    const all = [...(this.parked.get(annotationId) ?? []), ...lost];
    this.parked.set(annotationId, all);
    return all;
  }

  private async forget(entry: JournalEntry): Promise<void> {
    await this.journal.remove([entry.sequence]);
    const at = this.entries.indexOf(entry);
    if (at >= 0) this.entries.splice(at, 1);
  }

  private retryLater(error: unknown): void {
    const isTemporary = !(error instanceof ApiError) || error.isTemporary;
    const isSignedOut = error instanceof ApiError && (error.status === 401 || error.status === 403);
    this.report(isSignedOut ? "signed-out" : isTemporary ? "offline" : "trouble");
    const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures++;
    this.clock.setTimeout(() => void this.flush(), wait);
  }

  private report(status: SaveStatus): void {
    this.events.onStatus(status, this.pendingCount);
  }
}
