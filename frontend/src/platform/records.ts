/**
 * Numbered records in IndexedDB, in the order of their writing; in the page's memory where the browser keeps nothing.
 *
 * A browser may lack IndexedDB, refuse it, never answer, or fail later (full disk, site data cleared). The records then
 * go on in memory with all that could still be read, and `isKept` says that they end with the page.
 */

export type Numbered<T> = T & { readonly sequence: number };

export interface RecordChange<T> {
  readonly add?: readonly T[];
  /** Sequences. */
  readonly remove?: readonly number[];
  /** Written over the records of their numbers, which keep their place; nothing where those are gone. */
  readonly replace?: readonly Numbered<T>[];
}

export interface Records<T extends object> {
  /** False: the records are in this page's memory alone and gone when it closes. */
  readonly isKept: boolean;
  /** Add, remove and replace, all or nothing. Returns what was added; resolves when it is as safe as it gets here. */
  change(change: RecordChange<T>): Promise<Numbered<T>[]>;
  readAll(): Promise<Numbered<T>[]>;
  close(): void;
}

export interface RecordsPlace {
  readonly database: string;
  readonly store: string;
  /** Told once, when the browser keeps nothing or stops keeping. */
  onLost?(error: unknown): void;
  /** The browser's own if left out; finding it may throw. */
  findFactory?(): IDBFactory | undefined;
}

/** Longer than a slow disk takes; some browsers never answer (WebKit 226547). */
const PATIENCE_MS = 10_000;
/** Numbers in memory come after all that IndexedDB gives. */
const FIRST_IN_MEMORY = 2 ** 50;

/** Open records; never rejects. */
export async function openRecords<T extends object>(place: RecordsPlace): Promise<Records<T>> {
  try {
    const factory = (place.findFactory ?? (() => globalThis.indexedDB))();
    if (!factory) throw new Error("This browser has no IndexedDB.");
    const disk = await openDisk<T>(factory, place);
    return new CarefulRecords(disk, new MemoryRecords<T>(), place);
  } catch (error) {
    place.onLost?.(error);
    return new CarefulRecords(null, new MemoryRecords<T>(), place);
  }
}

type Store<T extends object> = Omit<Records<T>, "isKept">;

class CarefulRecords<T extends object> implements Records<T> {
  constructor(
    private disk: Store<T> | null,
    private readonly memory: MemoryRecords<T>,
    private readonly place: RecordsPlace,
  ) {}

  get isKept(): boolean {
    return this.disk !== null;
  }

  change(change: RecordChange<T>): Promise<Numbered<T>[]> {
    return this.reach((store) => store.change(change));
  }

  readAll(): Promise<Numbered<T>[]> {
    return this.reach((store) => store.readAll());
  }

  close(): void {
    this.disk?.close();
  }

  private async reach<R>(use: (store: Store<T>) => Promise<R>): Promise<R> {
    const { disk, memory } = this;
    if (disk) {
      try {
        return await use(disk);
      } catch (error) {
        await this.lose(disk, error);
      }
    }
    return use(memory);
  }

  /** The disk fails: go on in memory with what it still gives. Two callers may find out at once. */
  private async lose(disk: Store<T>, error: unknown): Promise<void> {
    const left = await disk.readAll().catch(() => []);
    if (this.disk !== disk) return;
    this.memory.takeOver(left);
    this.disk = null;
    this.place.onLost?.(error);
  }
}

class MemoryRecords<T extends object> implements Store<T> {
  private readonly records = new Map<number, Numbered<T>>();
  private next = FIRST_IN_MEMORY;

  change({ add = [], remove = [], replace = [] }: RecordChange<T>): Promise<Numbered<T>[]> {
    for (const sequence of remove) this.records.delete(sequence);
    for (const record of replace) if (this.records.has(record.sequence)) this.records.set(record.sequence, record);
    const added = add.map((record) => ({ ...record, sequence: this.next++ }));
    for (const record of added) this.records.set(record.sequence, record);
    return Promise.resolve(added);
  }

  readAll(): Promise<Numbered<T>[]> {
    return Promise.resolve([...this.records.values()]);
  }

  takeOver(left: readonly Numbered<T>[]): void {
    for (const record of left) this.records.set(record.sequence, record);
  }

  close(): void {
    this.records.clear();
  }
}

async function openDisk<T extends object>(factory: IDBFactory, place: RecordsPlace): Promise<Store<T>> {
  const request = factory.open(place.database, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(place.store, { keyPath: "sequence", autoIncrement: true });
  };
  const opening = settled(request);
  // One that opens after all would stand in the way of whoever wants to remove it.
  const database = await inTime(opening, (late) => late.close());
  database.onversionchange = () => database.close();
  return diskOf<T>(database, place.store);
}

function diskOf<T extends object>(database: IDBDatabase, store: string): Store<T> {
  return {
    change: async ({ add = [], remove = [], replace = [] }) => {
      // Strict: it is over when the bytes are on the disk, for "saved on this device" is a promise too.
      const transaction = database.transaction(store, "readwrite", { durability: "strict" });
      const objects = transaction.objectStore(store);
      for (const sequence of remove) objects.delete(sequence);
      for (const record of replace) {
        const known = objects.getKey(record.sequence);
        known.onsuccess = () => known.result !== undefined && objects.put(record);
      }
      const requests = add.map((record) => objects.add(record));
      await inTime(finished(transaction));
      return add.map((record, i) => ({ ...record, sequence: requests[i].result as number }));
    },
    readAll: async () => inTime(settled(database.transaction(store).objectStore(store).getAll())),
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

/** Wait for an answer, but not for ever; `onLate` gets one that comes after all. */
function inTime<T>(answer: Promise<T>, onLate: (late: T) => void = () => undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      reject(new Error("The browser's storage does not answer."));
    }, PATIENCE_MS);
    answer.then(
      (value) => {
        clearTimeout(timer);
        if (isLate) onLate(value);
        else resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
