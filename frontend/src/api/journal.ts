/**
 * What one person has made in this browser and the server has not answered for, of all images: operations on their way,
 * and drafts that are not accepted yet. Where the browser keeps nothing, it lasts as long as the page.
 *
 * Knows neither the server nor the document. Operations come back in the order in which they were written.
 */
import { openRecords, type Numbered, type RecordsPlace } from "../platform/records";
import type { WireOperation } from "./wire";

/** Why an operation is not sent any more by itself. */
export interface Held {
  /** `conflict`: somebody else changed the mask; `refused`: the server will not have the operation. */
  readonly reason: "conflict" | "refused";
  readonly code: string;
  readonly message: string;
}

export interface JournalEntry {
  /** Given by the journal; grows with time. */
  readonly sequence: number;
  readonly imageId: number;
  /** `base_revision` null: follow the entry before it on the same mask. */
  readonly operation: Omit<WireOperation, "base_revision"> & { readonly base_revision: number | null };
  readonly held?: Held;
}

/** What is kept of a draft; `value` is the editor's business. */
export interface KeptDraft {
  readonly imageId: number;
  readonly value: unknown;
}

export interface JournalState {
  readonly entries: readonly JournalEntry[];
  /** The revision that the last operation of this journal gave a mask: the base of the one that follows it. */
  readonly revisions: ReadonlyMap<string, number>;
}

export interface Journal {
  /** False: this browser keeps nothing, and an operation is safe only once the server has it. */
  readonly isKept: boolean;
  /** Write an operation and remove what it stands for now (sequences), both or neither: a tab may die at any time. */
  append(imageId: number, operation: JournalEntry["operation"], insteadOf?: readonly number[]): Promise<JournalEntry>;
  /** The server has taken an entry: forget it and remember what revision it made, both or neither. */
  settle(entry: JournalEntry, revision: number): Promise<void>;
  /** Put entries aside, or (null) let them be sent again. */
  hold(entries: readonly JournalEntry[], held: Held | null): Promise<void>;
  remove(sequences: readonly number[]): Promise<void>;
  read(): Promise<JournalState>;
  /** Keep the draft of an image in place of the one before; null: there is none any more. */
  keepDraft(imageId: number, value: unknown): Promise<void>;
  readDraft(imageId: number): Promise<unknown>;
  close(): void;
}

/** Operations carry no kind, as those of earlier versions did not. */
type Kept =
  | (Omit<JournalEntry, "sequence"> & { readonly kind?: undefined })
  | { readonly kind: "settled"; readonly annotationId: string; readonly revision: number }
  | ({ readonly kind: "draft" } & KeptDraft);

/** More than masks that one is at work on at a time; older ones have nothing left that could follow them. */
const MOST_SETTLED = 500;
const MOST_DRAFTS = 20;

/** Open the journal of one person on this browser. */
export async function openJournal(
  userId: number,
  place: Pick<RecordsPlace, "findFactory" | "onLost"> = {},
): Promise<Journal> {
  const database = `maskwright-journal-${userId}`;
  const records = await openRecords<Kept>({ ...place, database, store: "operations" });
  const readDrafts = async () => (await records.readAll()).filter((record) => record.kind === "draft");
  return {
    get isKept() {
      return records.isKept;
    },
    append: async (imageId, operation, insteadOf = []) =>
      (await records.change({ add: [{ imageId, operation }], remove: insteadOf }))[0] as JournalEntry,
    async settle({ sequence, operation }, revision) {
      const annotationId = operation.annotation_id;
      const old = (await records.readAll()).filter((record) => record.kind === "settled");
      const spent = old.filter((one, i) => one.annotationId === annotationId || i < old.length - MOST_SETTLED);
      await records.change({
        add: [{ kind: "settled", annotationId, revision }],
        remove: [sequence, ...spent.map((one) => one.sequence)],
      });
    },
    async hold(entries, held) {
      const replace = entries.map(({ sequence, imageId, operation }) => ({ sequence, imageId, operation }));
      await records.change({ replace: held ? replace.map((entry) => ({ ...entry, held })) : replace });
    },
    async remove(sequences) {
      await records.change({ remove: sequences });
    },
    read: async () => stateOf(await records.readAll()),
    async keepDraft(imageId, value) {
      const old = await readDrafts();
      const spent = old.filter((one, i) => one.imageId === imageId || i <= old.length - MOST_DRAFTS);
      const add: Kept[] = value === null ? [] : [{ kind: "draft", imageId, value }];
      await records.change({ add, remove: spent.map(({ sequence }) => sequence) });
    },
    readDraft: async (imageId) => (await readDrafts()).find((one) => one.imageId === imageId)?.value ?? null,
    close: () => records.close(),
  };
}

function stateOf(records: readonly Numbered<Kept>[]): JournalState {
  const entries: JournalEntry[] = [];
  const revisions = new Map<string, number>();
  for (const record of records) {
    if (record.kind === undefined) entries.push(record);
    else if (record.kind === "settled") revisions.set(record.annotationId, record.revision);
  }
  return { entries, revisions };
}
