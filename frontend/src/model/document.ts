/**
 * The masks of one image and the draft above them. Everything that happens to them is a list of changes.
 *
 * Knows nothing of the network, the history or the page; they listen.
 */
import type { Draft } from "./draft";
import type { MaskRecord } from "./mask-record";

export type Change =
  | {
      readonly kind: "mask";
      readonly id: string;
      readonly before: MaskRecord | null;
      readonly after: MaskRecord | null;
    }
  | { readonly kind: "draft"; readonly before: Draft | null; readonly after: Draft | null };

/** `local` changes are this person's and must be saved; `remote` ones came from the server. */
export type ChangeOrigin = "local" | "remote";
export type ChangeListener = (changes: readonly Change[], origin: ChangeOrigin) => void;

export class MaskDocument {
  private readonly masks = new Map<string, MaskRecord>();
  private currentDraft: Draft | null = null;
  private ordered: readonly MaskRecord[] | null = null;
  private readonly listeners = new Set<ChangeListener>();

  get draft(): Draft | null {
    return this.currentDraft;
  }

  get(id: string): MaskRecord | undefined {
    return this.masks.get(id);
  }

  /** All masks, lowest first. */
  all(): readonly MaskRecord[] {
    this.ordered ??= [...this.masks.values()].sort(
      (a, b) => a.zOrder - b.zOrder || compareTexts(a.createdAt, b.createdAt),
    );
    return this.ordered;
  }

  /** The z-order that puts a new mask on top. */
  nextZOrder(): number {
    return this.all().reduce((top, record) => Math.max(top, record.zOrder), 0) + 1;
  }

  /**
   * When a new mask is made: now, and after all that are there, even where this device's clock is behind. The server
   * keeps its own time; this one only orders the list until the masks are read again.
   */
  nextMoment(now: number = Date.now()): string {
    const latest = this.all().reduce((last, { createdAt }) => Math.max(last, Date.parse(createdAt) || 0), 0);
    return new Date(Math.max(now, latest + 1)).toISOString();
  }

  /** Make changes real. What a change calls `before` is replaced by what is there now, so that listeners see the truth. */
  apply(changes: readonly Change[], origin: ChangeOrigin): void {
    const made = changes.map((change) => this.applyOne(change));
    if (made.length === 0) return;
    for (const listener of [...this.listeners]) listener(made, origin);
  }

  subscribe(listener: ChangeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private applyOne(change: Change): Change {
    if (change.kind === "draft") {
      const before = this.currentDraft;
      this.currentDraft = change.after;
      return { ...change, before };
    }
    const before = this.masks.get(change.id) ?? null;
    if (change.after) this.masks.set(change.id, change.after);
    else this.masks.delete(change.id);
    this.ordered = null;
    return { ...change, before };
  }
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The changes that take back others, in the order in which to apply them. */
export function invertChanges(changes: readonly Change[]): Change[] {
  return [...changes].reverse().map((change) => ({ ...change, before: change.after, after: change.before }) as Change);
}
