/**
 * One undo and redo for everything: prompts, strokes, labels, deletes, merges. A gesture is one entry.
 *
 * Keeps what changed and never whole documents. Applies nothing itself: undo and redo return the changes to apply.
 */
import { invertChanges, type Change } from "./document";
import { slimDraft, type Draft } from "./draft";

export const MAX_ENTRIES = 500;
/** Drafts hold the model's logits (about a megabyte); only the newest entries keep them. */
const ENTRIES_WITH_LOGITS = 40;

export interface HistoryEntry {
  /** Message key that names the gesture, for the tooltip of undo. */
  readonly name: string;
  readonly changes: readonly Change[];
}

export class History {
  private done: HistoryEntry[] = [];
  private undone: HistoryEntry[] = [];
  /** Called when a gesture has become an entry, or an entry was taken back or made again. */
  onSettled: () => void = () => undefined;
  private open: { name: string; changes: Change[] } | null = null;

  get isOpen(): boolean {
    return this.open !== null;
  }

  get undoName(): string | null {
    return this.done.at(-1)?.name ?? null;
  }

  get redoName(): string | null {
    return this.undone.at(-1)?.name ?? null;
  }

  /** Start a gesture: until `commit`, everything recorded becomes one entry. */
  begin(name: string): void {
    this.commit();
    this.open = { name, changes: [] };
  }

  record(name: string, changes: readonly Change[]): void {
    if (changes.length === 0) return;
    this.undone = [];
    if (this.open) {
      this.open.changes.push(...changes);
      return;
    }
    this.push({ name, changes });
    this.onSettled();
  }

  /** Close the gesture; one that changed nothing leaves no entry. */
  commit(): void {
    const open = this.open;
    this.open = null;
    if (!open) return;
    const changes = squash(open.changes);
    if (changes.length > 0) this.push({ name: open.name, changes });
    this.onSettled();
  }

  /** Close the gesture and give the changes that take it back. */
  abandon(): Change[] {
    const open = this.open;
    this.open = null;
    return open ? invertChanges(open.changes) : [];
  }

  /** Put the model's answer in place of what asked for it, wherever that is by now: undo and redo need no new run. */
  amend(asked: Draft, shown: Draft): void {
    const answered = (draft: Draft | null): Draft | null => (draft === asked ? shown : draft);
    const replace = (change: Change): Change =>
      change.kind === "draft" && (change.before === asked || change.after === asked)
        ? { ...change, before: answered(change.before), after: answered(change.after) }
        : change;
    const replaceIn = (entry: HistoryEntry): HistoryEntry => ({ ...entry, changes: entry.changes.map(replace) });
    if (this.open) this.open.changes = this.open.changes.map(replace);
    this.done = this.done.map(replaceIn);
    this.undone = this.undone.map(replaceIn);
  }

  undo(): readonly Change[] {
    this.commit();
    const entry = this.done.pop();
    if (!entry) return [];
    this.undone.push(entry);
    return invertChanges(entry.changes);
  }

  redo(): readonly Change[] {
    const entry = this.undone.pop();
    if (!entry) return [];
    this.done.push(entry);
    return entry.changes;
  }

  private push(entry: HistoryEntry): void {
    this.done.push(entry);
    if (this.done.length > MAX_ENTRIES) this.done.shift();
    const old = this.done.length - 1 - ENTRIES_WITH_LOGITS;
    if (old >= 0) this.done[old] = slimEntry(this.done[old]);
  }
}

/** Join changes of the same thing: the first `before` with the last `after`. */
export function squash(changes: readonly Change[]): Change[] {
  const joined = new Map<string, Change>();
  for (const change of changes) {
    const key = change.kind === "mask" ? change.id : "";
    const earlier = joined.get(key);
    joined.set(key, earlier ? ({ ...change, before: earlier.before } as Change) : change);
  }
  return [...joined.values()].filter((change) => change.before !== change.after);
}

function slimEntry(entry: HistoryEntry): HistoryEntry {
  const changes = entry.changes.map((change) =>
    change.kind === "draft"
      ? { ...change, before: change.before && slimDraft(change.before), after: change.after && slimDraft(change.after) }
      : change,
  );
  return { ...entry, changes };
}
