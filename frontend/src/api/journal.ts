/**
 * Operations on their way to the server, kept in IndexedDB until it has answered for them.
 *
 * Knows neither the server nor the document. Entries come back in the order in which they were written.
 */
import type { WireOperation } from "./wire";

export interface JournalEntry {
  /** Given by the journal; grows with time. */
  readonly sequence: number;
  readonly imageId: number;
  /** `base_revision` null: follow the entry before it on the same mask. */
  readonly operation: Omit<WireOperation, "base_revision"> & { readonly base_revision: number | null };
}

export interface Journal {
  /** Write an operation and remove what it stands for now (sequences), both or neither: a tab may die at any time. */
  append(imageId: number, operation: JournalEntry["operation"], insteadOf?: readonly number[]): Promise<JournalEntry>;
  remove(sequences: readonly number[]): Promise<void>;
  read(imageId: number): Promise<JournalEntry[]>;
  /** Images that still have entries, for a reminder after a crash. */
  pendingImages(): Promise<number[]>;
  close(): void;
}

const STORE = "operations";

/** Open the journal of one person on this browser. */
export async function openJournal(userId: number, factory: IDBFactory = indexedDB): Promise<Journal> {
  const request = factory.open(`maskwright-journal-${userId}`, 1);
  request.onupgradeneeded = () => {
    const store = request.result.createObjectStore(STORE, { keyPath: "sequence", autoIncrement: true });
    store.createIndex("imageId", "imageId");
  };
  return journalOn(await settled(request));
}

function journalOn(database: IDBDatabase): Journal {
  const write = async <T>(change: (store: IDBObjectStore) => IDBRequest<T> | null): Promise<T | null> => {
    // Strict: the promise resolves when the bytes are on the disk, for "saved on this device" is a promise too.
    const transaction = database.transaction(STORE, "readwrite", { durability: "strict" });
    const request = change(transaction.objectStore(STORE));
    await finished(transaction);
    return request ? request.result : null;
  };
  return {
    async append(imageId, operation, insteadOf = []) {
      const sequence = await write((store) => {
        for (const settled of insteadOf) store.delete(settled);
        return store.add({ imageId, operation });
      });
      return { sequence: sequence as number, imageId, operation };
    },
    async remove(sequences) {
      await write((store) => {
        for (const sequence of sequences) store.delete(sequence);
        return null;
      });
    },
    async read(imageId) {
      const index = database.transaction(STORE).objectStore(STORE).index("imageId");
      return (await settled(index.getAll(imageId))) as JournalEntry[];
    },
    async pendingImages() {
      const all = (await settled(database.transaction(STORE).objectStore(STORE).getAll())) as JournalEntry[];
      return [...new Set(all.map((entry) => entry.imageId))];
    },
    close: () => database.close(),
  };
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's storage failed."));
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("The browser's storage gave up."));
    transaction.onerror = () => reject(transaction.error ?? new Error("The browser's storage failed."));
  });
}
