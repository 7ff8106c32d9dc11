/**
 * Brings everything that one person has made in this browser to the server, of all images, each operation exactly once:
 * journal first, then send, then forget. Every page of the product has one; one tab at a time sends.
 *
 * A retry carries the same id, so the server never doubles it. What lost a race or was refused is held: it stays in the
 * journal, unsent, with all that was made on top of it, until somebody has settled it. Knows nothing of documents.
 */
import { openChannel, type Channel } from "../platform/channel";
import { withLock } from "../platform/locks";
import { ApiError, type HttpClient } from "./http";
import type { Held, Journal, JournalEntry, JournalState } from "./journal";
import { countPending, heldMasks, isOutOfReach, troubleOf, type SaveReport, type Trouble } from "./save-report";
import { sendOperations, ServerFailsError, type Outcome } from "./sending";
import type { OperationResult, WireOperation } from "./wire";

/** Whoever shows an image and wants to know what becomes of its operations. */
export interface ImageListener {
  /** The server has taken an operation of this tab's journal (or had it already). */
  onApplied(result: OperationResult): void;
  /** Somebody else was faster: none of `mine` was applied, all are held; `result.annotation` is what is there. */
  onConflict(mine: readonly JournalEntry[], result: OperationResult): void;
  /** Another tab of this person has written operations: show them. */
  onForeign(entries: readonly JournalEntry[]): void;
  /** Another tab has brought operations to the server; the masks have these revisions by now. */
  onSentElsewhere(revisions: ReadonlyMap<string, number>): void;
  /** Somebody chose to drop what was held of a mask. */
  onDropped(annotationId: string): void;
}

export interface OutboxPorts {
  readonly userId: number;
  readonly http: HttpClient;
  readonly journal: Journal;
  readonly onReport: (report: SaveReport) => void;
  readonly setTimeout?: (callback: () => void, ms: number) => unknown;
}

type Message = { readonly kind: "written" } | { readonly kind: "sent"; readonly imageId: number };

const MOST_AT_ONCE = 100;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000] as const;
/** An image that the person may not reach at the moment is tried again after so long: somebody may be let in again. */
const GONE_MS = 30_000;
/** So often a single operation may fail on the server before it is put aside. */
const MOST_FAILURES = 3;

export class Outbox {
  private entries: readonly JournalEntry[] = [];
  private readonly listeners = new Map<number, ImageListener>();
  /** Images out of the person's reach, and until when they are left alone. */
  private readonly gone = new Map<number, number>();
  private readonly failures = new Map<string, number>();
  /** Operations that this tab has made. */
  private readonly own = new Set<string>();
  private readonly asked = new Set<number>();
  /** Images of which operations were sent while nobody showed them. */
  private readonly unseen = new Set<number>();
  private readonly channel: Channel<Message>;
  /** The journal is read and written in turn, and `entries` follows within the turn: it is never older than the journal. */
  private turn: Promise<unknown> = Promise.resolve();
  private writing = 0;
  private atOnce = MOST_AT_ONCE;
  private tries = 0;
  private trouble: Trouble | null = null;
  private draining: Promise<void> | null = null;
  private isWanted = false;
  private hasClosed = false;

  constructor(private readonly ports: OutboxPorts) {
    this.channel = openChannel<Message>(`maskwright-outbox-${ports.userId}`, (message) => void this.hear(message));
  }

  /** Take up what earlier visits and other tabs have left, and send it. */
  async start(): Promise<void> {
    await this.refresh();
    void this.flush();
  }

  get isClosed(): boolean {
    return this.hasClosed;
  }

  close(): void {
    this.hasClosed = true;
    this.channel.close();
  }

  /** Tell `listener` of what becomes of an image's operations until the returned function is called. */
  attach(imageId: number, listener: ImageListener): () => void {
    this.listeners.set(imageId, listener);
    return () => {
      if (this.listeners.get(imageId) === listener) this.listeners.delete(imageId);
    };
  }

  /** Whether operations of an image were sent while nobody listened: whoever has read its masks reads them again. */
  takeUnseen(imageId: number): boolean {
    return this.unseen.delete(imageId);
  }

  /** What the server does not have yet of an image, oldest first. */
  entriesOf(imageId: number): readonly JournalEntry[] {
    return this.entries.filter((entry) => entry.imageId === imageId);
  }

  get pendingCount(): number {
    return this.entries.length + this.writing;
  }

  get report(): SaveReport {
    const { entries, writing, trouble, gone } = this;
    const isSending = this.draining !== null;
    return { ...countPending({ entries, writing, trouble, gone, isSending }), isKept: this.ports.journal.isKept };
  }

  /** Journal an operation and send it. Resolves when it is safe on this device. */
  async enqueue(
    imageId: number,
    operation: JournalEntry["operation"],
    insteadOf: readonly number[] = [],
  ): Promise<void> {
    this.writing++;
    this.own.add(operation.op_id);
    this.tell();
    try {
      await this.inTurn(async () => {
        const entry = await this.ports.journal.append(imageId, operation, insteadOf);
        this.entries = [...this.entries.filter(({ sequence }) => !insteadOf.includes(sequence)), entry];
      });
    } finally {
      this.writing--;
    }
    this.say({ kind: "written" });
    void this.flush();
  }

  /** Send what is waiting, as soon as no other tab is sending. Safe to call at any time. */
  flush(): Promise<void> {
    this.isWanted = true;
    this.draining ??= this.drain().finally(() => {
      this.draining = null;
      this.tell();
      if (this.isWanted && this.trouble === null && !this.hasClosed) void this.flush();
    });
    return this.draining;
  }

  /** Wait until all is sent, or until nothing more can be done at the moment. True: nothing is left to send. */
  async settle(): Promise<boolean> {
    await this.turn;
    await this.flush();
    return this.nextBatch().length === 0 && this.writing === 0;
  }

  /** Let held entries be sent again. */
  async release(entries: readonly JournalEntry[]): Promise<void> {
    for (const { operation } of entries) this.failures.delete(operation.op_id);
    await this.inTurn(() => this.ports.journal.hold(entries, null));
    await this.changed();
  }

  /** Give up what was held, because the person says so; the mask shows what the server has. */
  async drop(entries: readonly JournalEntry[]): Promise<void> {
    await this.forget(entries);
    for (const { imageId, operation } of entries) this.listeners.get(imageId)?.onDropped(operation.annotation_id);
  }

  /** Remove entries unsent: nothing is left of them to bring to the server. */
  async forget(entries: readonly JournalEntry[]): Promise<void> {
    const gone = entries.map(({ sequence }) => sequence);
    await this.inTurn(async () => {
      await this.ports.journal.remove(gone);
      this.entries = this.entries.filter(({ sequence }) => !gone.includes(sequence));
    });
    await this.changed();
  }

  /** Ask the server again about the lost races of an image, so that its listener hears what is there now. */
  async askAgain(imageId: number): Promise<void> {
    const lost = this.entriesOf(imageId).filter((entry) => entry.held?.reason === "conflict");
    if (lost.length > 0) await this.release(lost);
  }

  private async changed(): Promise<void> {
    await this.refresh();
    this.say({ kind: "written" });
    void this.flush();
  }

  private say(message: Message): void {
    if (!this.hasClosed) this.channel.post(message);
  }

  private async hear(message: Message): Promise<void> {
    await this.refresh();
    if (message.kind === "written") return;
    // What another tab has brought there may have got this one out of its trouble, too.
    this.trouble = null;
    this.tell();
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  /** Read the journal anew: other tabs may have written, sent or settled. */
  private async refresh(): Promise<JournalState> {
    const { state, before } = await this.inTurn(async () => {
      const read = await this.ports.journal.read();
      const was = this.entries;
      this.entries = read.entries;
      return { state: read, before: was };
    });
    this.tell();
    this.tellListeners(state, before);
    return state;
  }

  private tellListeners(state: JournalState, before: readonly JournalEntry[]): void {
    const known = new Set(before.map(({ sequence }) => sequence));
    const left = new Set(state.entries.map(({ sequence }) => sequence));
    const sent = before.filter(({ sequence }) => !left.has(sequence));
    const foreign = state.entries.filter((e) => !known.has(e.sequence) && !this.own.has(e.operation.op_id));
    for (const { operation } of sent) this.own.delete(operation.op_id);
    for (const [imageId, listener] of this.listeners) {
      const added = foreign.filter((entry) => entry.imageId === imageId);
      if (added.length > 0) listener.onForeign(added);
      if (sent.some((entry) => entry.imageId === imageId)) listener.onSentElsewhere(state.revisions);
      this.askOnce(imageId);
    }
  }

  /** A race that another tab has lost is this one's to ask about, where it shows the image. */
  private askOnce(imageId: number): void {
    const lost = this.entriesOf(imageId).filter((e) => e.held?.reason === "conflict" && !this.asked.has(e.sequence));
    for (const { sequence } of lost) this.asked.add(sequence);
    if (lost.length > 0) void this.askAgain(imageId);
  }

  private async drain(): Promise<void> {
    try {
      await withLock(`maskwright-outbox-${this.ports.userId}`, () => this.sendAll());
    } catch (error) {
      this.retryLater(error);
    }
  }

  private async sendAll(): Promise<void> {
    for (;;) {
      this.isWanted = false;
      const state = await this.refresh();
      const batch = this.hasClosed ? [] : this.nextBatch();
      if (batch.length === 0) break;
      await this.sendBatch(batch, state);
      this.trouble = null;
      this.tries = 0;
      this.atOnce = Math.min(this.atOnce * 2, MOST_AT_ONCE);
    }
  }

  /** The first sendable image's first entry of each mask: those behind it need the revision that it makes. */
  private nextBatch(): readonly JournalEntry[] {
    const batch: JournalEntry[] = [];
    const masks = heldMasks(this.entries);
    for (const entry of this.entries) {
      const id = entry.operation.annotation_id;
      if (masks.has(id) || this.isGone(entry.imageId) || entry.imageId !== (batch.at(0) ?? entry).imageId) continue;
      masks.add(id);
      batch.push(entry);
      if (batch.length >= this.atOnce) break;
    }
    return batch;
  }

  private isGone(imageId: number): boolean {
    return (this.gone.get(imageId) ?? 0) > Date.now();
  }

  private async sendBatch(batch: readonly JournalEntry[], { revisions }: JournalState): Promise<void> {
    const { imageId } = batch[0];
    const operations = batch.map(({ operation }) => ({
      ...operation,
      base_revision: operation.base_revision ?? revisions.get(operation.annotation_id) ?? 0,
    }));
    try {
      await this.takeAll(batch, await sendOperations((part) => this.post(imageId, part), operations));
      this.gone.delete(imageId);
      this.say({ kind: "sent", imageId });
    } catch (error) {
      if (error instanceof ServerFailsError) await this.takeAll(batch, error.told);
      if (!isOutOfReach(error)) throw error;
      this.gone.set(imageId, Date.now() + GONE_MS);
      this.later(GONE_MS);
    }
  }

  /** Note what came of operations; rejects with what the server failed with where it failed on every one. */
  private async takeAll(batch: readonly JournalEntry[], outcomes: readonly Outcome[]): Promise<void> {
    const isServerWell = outcomes.some(({ result }) => result !== null && result.status !== "failed");
    let failure: ApiError | null = null;
    for (const { operation, result, error } of outcomes) {
      const entry = batch.find((one) => one.operation.op_id === operation.op_id);
      if (!entry) continue;
      const failed =
        error ?? (result?.status === "failed" ? new ApiError(500, result.code, result.message, null) : null);
      if (failed) failure = (await this.noteFailure(entry, failed, isServerWell)) ?? failure;
      else if (result) await this.take(entry, result);
    }
    if (failure) throw failure;
  }

  private async post(imageId: number, operations: readonly WireOperation[]): Promise<readonly OperationResult[]> {
    const path = `/images/${imageId}/operations`;
    try {
      return (await this.ports.http.send<{ results: OperationResult[] }>("POST", path, { operations })).results;
    } catch (error) {
      const extra = error instanceof ApiError && error.status === 409 ? error.extra : null;
      if (extra !== null && typeof extra === "object" && "results" in extra) return extra.results as OperationResult[];
      throw error;
    }
  }

  private async take(entry: JournalEntry, result: OperationResult): Promise<void> {
    if (result.status === "conflict") await this.noteConflict(entry, result);
    else if (result.status === "rejected") await this.refuse(entry, result);
    else await this.noteTaken(entry, result);
  }

  private async noteTaken(entry: JournalEntry, result: OperationResult): Promise<void> {
    await this.inTurn(async () => {
      await this.ports.journal.settle(entry, result.revision ?? result.annotation?.revision ?? 0);
      this.entries = this.entries.filter(({ sequence }) => sequence !== entry.sequence);
    });
    this.failures.delete(entry.operation.op_id);
    this.own.delete(entry.operation.op_id);
    const listener = this.listeners.get(entry.imageId);
    if (listener) listener.onApplied(result);
    else this.unseen.add(entry.imageId);
  }

  private async noteConflict(entry: JournalEntry, result: OperationResult): Promise<void> {
    const id = entry.operation.annotation_id;
    for (const one of this.entries) if (one.operation.annotation_id === id) this.asked.add(one.sequence);
    const lost = await this.hold(entry, { reason: "conflict", code: result.code, message: result.message });
    this.listeners.get(entry.imageId)?.onConflict(lost, result);
  }

  private async refuse(entry: JournalEntry, { code, message }: Pick<Held, "code" | "message">): Promise<void> {
    await this.hold(entry, { reason: "refused", code, message });
  }

  /**
   * A failure is put aside at once where the server took others beside it, and else when it has come often enough from
   * a server that answers other questions. Returns the failure where it is not put aside yet.
   */
  private async noteFailure(entry: JournalEntry, error: ApiError, isServerWell: boolean): Promise<ApiError | null> {
    const count = (this.failures.get(entry.operation.op_id) ?? 0) + 1;
    this.failures.set(entry.operation.op_id, count);
    const isOwn = error.status !== 500 || isServerWell || (count >= MOST_FAILURES && (await this.answersOtherwise()));
    if (!isOwn) return error;
    await this.refuse(entry, error);
    return null;
  }

  private answersOtherwise(): Promise<boolean> {
    const asked = this.ports.http.get("/me").then(() => true);
    return asked.catch(() => false);
  }

  /** Put an entry aside, with those behind it on the same mask: they were made on top of it. */
  private async hold(entry: JournalEntry, held: Held): Promise<readonly JournalEntry[]> {
    const id = entry.operation.annotation_id;
    return this.inTurn(async () => {
      const lost = this.entries.filter((one) => one.operation.annotation_id === id).map((one) => ({ ...one, held }));
      await this.ports.journal.hold(lost, held);
      this.entries = this.entries.map((one) => lost.find(({ sequence }) => sequence === one.sequence) ?? one);
      return lost;
    });
  }

  private retryLater(error: unknown): void {
    this.trouble = troubleOf(error);
    // What takes too long as a whole may come through in parts.
    if (this.trouble === "timeout") this.atOnce = Math.max(1, Math.floor(this.atOnce / 2));
    this.later(RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)]);
    this.tries++;
  }

  private later(ms: number): void {
    const wait = this.ports.setTimeout ?? ((callback: () => void, after: number) => setTimeout(callback, after));
    wait(() => void (this.hasClosed || this.flush()), ms);
  }

  private tell(): void {
    this.ports.onReport(this.report);
  }
}
