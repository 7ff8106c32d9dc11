/**
 * The outbox as one open image sees it: knows which revision of each mask the person saw, so that every operation says
 * what it was made on top of. One made on top of another that is still under way follows that one's revision.
 */
import { newId } from "../platform/ids";
import type { JournalEntry } from "./journal";
import type { ImageListener, Outbox } from "./outbox";
import type { OperationResult, WireOperation } from "./wire";

export type NewOperation = Omit<WireOperation, "op_id" | "base_revision">;

export interface ImageOutboxEvents extends Omit<ImageListener, "onSentElsewhere"> {
  /** Another tab has brought operations of this image to the server: read it anew. */
  onChangedElsewhere(): void;
  /** Say whether what is enqueued now is an override (see WireOperation). */
  overrides(): boolean;
}

export class ImageOutbox {
  private readonly revisions = new Map<string, number>();
  /** What the operation that is enqueued next on a mask stands for: sequences of lost ones, while a race is settled. */
  private readonly lost = new Map<string, readonly number[]>();
  /** Masks with an operation that is being written. */
  private readonly writing = new Map<string, number>();
  private latest: Promise<unknown> = Promise.resolve();
  private readonly detach: () => void;

  constructor(
    private readonly imageId: number,
    private readonly outbox: Outbox,
    private readonly events: ImageOutboxEvents,
  ) {
    this.detach = outbox.attach(imageId, {
      ...events,
      onApplied: (result) => {
        this.noteResult(result);
        events.onApplied(result);
      },
      onConflict: (mine, result) => {
        if (result.annotation) this.noteRevision(result.annotation.id, result.annotation.revision);
        events.onConflict(mine, result);
      },
      onSentElsewhere: (revisions) => {
        for (const [id, revision] of revisions) this.noteRevision(id, revision);
        events.onChangedElsewhere();
      },
    });
  }

  /** The revision that the server has of a mask; 0 when it has none. */
  noteRevision(annotationId: string, revision: number): void {
    if (revision > (this.revisions.get(annotationId) ?? 0)) this.revisions.set(annotationId, revision);
  }

  /** True while the mask has changes that the server has not answered for, or that are held. */
  isPending(annotationId: string): boolean {
    return this.writing.has(annotationId) || this.entriesOf(annotationId).length > 0;
  }

  /** Lost races that nobody has settled, and operations that were refused. */
  get heldCount(): number {
    return this.outbox.entriesOf(this.imageId).filter(({ held }) => held).length;
  }

  get pendingCount(): number {
    return this.outbox.entriesOf(this.imageId).length + this.writing.size;
  }

  /** What an earlier visit or another tab left for this image; lost races are asked about anew. */
  replay(): readonly JournalEntry[] {
    const left = this.outbox.entriesOf(this.imageId);
    void this.outbox.askAgain(this.imageId);
    void this.outbox.flush();
    if (this.outbox.takeUnseen(this.imageId)) this.events.onChangedElsewhere();
    return left;
  }

  /** Journal an operation and send it. Resolves when it is safe on this device. */
  async enqueue(operation: NewOperation): Promise<void> {
    const id = operation.annotation_id;
    const insteadOf = this.lost.get(id);
    this.lost.delete(id);
    const base = this.isPending(id) && !insteadOf ? null : (this.revisions.get(id) ?? 0);
    const full = { ...operation, op_id: newId(), base_revision: base, ...this.override() };
    this.writing.set(id, (this.writing.get(id) ?? 0) + 1);
    const written = this.outbox.enqueue(this.imageId, full, insteadOf);
    this.latest = written;
    try {
      await written;
    } finally {
      const left = (this.writing.get(id) ?? 1) - 1;
      if (left > 0) this.writing.set(id, left);
      else this.writing.delete(id);
    }
  }

  /**
   * The lost race of a mask is settled: what `settle` enqueues goes to the server on top of what is there, and takes the
   * place of what was lost in one write, so that no reload finds both and loses the same race again.
   */
  async unpark(annotationId: string, settle: () => void): Promise<void> {
    await this.latest.catch(() => undefined);
    const entries = this.entriesOf(annotationId);
    const lost = entries.map(({ sequence }) => sequence);
    this.lost.set(annotationId, lost);
    settle();
    const isLeft = this.lost.delete(annotationId);
    await this.latest;
    if (isLeft) await this.outbox.forget(entries);
  }

  private override(): Pick<WireOperation, "override"> {
    return this.events.overrides() ? { override: true } : {};
  }

  close(): void {
    this.detach();
  }

  private entriesOf(annotationId: string): readonly JournalEntry[] {
    return this.outbox.entriesOf(this.imageId).filter(({ operation }) => operation.annotation_id === annotationId);
  }

  private noteResult(result: OperationResult): void {
    const id = result.annotation?.id;
    if (id !== undefined) this.noteRevision(id, result.revision ?? result.annotation?.revision ?? 0);
  }
}
