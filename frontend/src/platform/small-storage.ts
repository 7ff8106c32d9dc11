/**
 * Small texts that the browser keeps: localStorage for good, sessionStorage for a tab. Where the browser keeps nothing
 * (blocked, full, private) they last as long as the page; no method ever throws.
 */

export interface SmallStorage {
  /** False: what is written is gone when the page closes. */
  readonly isKept: boolean;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

type Kind = "localStorage" | "sessionStorage";

/** Open a storage of the browser; `find` gives the browser's own, and may throw. */
export function openSmallStorage(kind: Kind, find: () => Storage | undefined = () => globalThis[kind]): SmallStorage {
  return new CarefulStorage(find);
}

class CarefulStorage implements SmallStorage {
  private readonly browsers: Storage | null;
  /** What could not be written; null: removed, and the browser's own could not be told. */
  private readonly own = new Map<string, string | null>();
  private hasFailed = false;

  constructor(find: () => Storage | undefined) {
    this.browsers = attempt(find) ?? null;
  }

  get isKept(): boolean {
    return this.browsers !== null && !this.hasFailed;
  }

  getItem(key: string): string | null {
    const own = this.own.get(key);
    return own !== undefined ? own : (attempt(() => this.browsers?.getItem(key)) ?? null);
  }

  setItem(key: string, value: string): void {
    this.change(key, value, (browsers) => browsers.setItem(key, value));
  }

  removeItem(key: string): void {
    this.change(key, null, (browsers) => browsers.removeItem(key));
  }

  /** What the browser has taken is read from there again, because another tab may change it. */
  private change(key: string, value: string | null, write: (browsers: Storage) => void): void {
    const isWritten = attempt(() => {
      if (!this.browsers) return false;
      write(this.browsers);
      return true;
    });
    this.hasFailed = !isWritten;
    if (isWritten) this.own.delete(key);
    else this.own.set(key, value);
  }
}

function attempt<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined; // blocked, full or switched off; some browsers refuse even to be asked
  }
}

/** What the workspace keeps in this browser: the workspace's looks, the day's pace, which engine was right. */
export const localTexts = openSmallStorage("localStorage");

/** Read JSON that was kept; null where there is none, or what is there is not JSON. */
export function readJson(storage: Pick<SmallStorage, "getItem">, key: string): unknown {
  return attempt(() => JSON.parse(storage.getItem(key) ?? "null") as unknown) ?? null;
}
