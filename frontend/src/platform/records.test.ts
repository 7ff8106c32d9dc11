import { IDBDatabase, IDBFactory } from "fake-indexeddb";
import { afterEach, describe, expect, it, vi } from "vitest";

import { openRecords, type Records } from "./records";

interface Word {
  readonly word: string;
}

const PLACE = { database: "words", store: "words" };
const texts = async (records: Records<Word>) => (await records.readAll()).map(({ word }) => word);

function open(findFactory: () => IDBFactory | undefined) {
  const onLost = vi.fn<(error: unknown) => void>();
  return openRecords<Word>({ ...PLACE, findFactory, onLost }).then((records) => ({ records, onLost }));
}

/** From now on transactions of those modes fail: only writing is a full disk, both is a disk that has gone. */
function failAt(...modes: IDBTransactionMode[]): void {
  const disk = IDBDatabase.prototype as { transaction(store: string, mode?: IDBTransactionMode): unknown };
  const real = Reflect.get(disk, "transaction");
  vi.spyOn(disk, "transaction").mockImplementation(function (this: unknown, store, mode) {
    if (modes.includes(mode ?? "readonly")) throw new DOMException("full", "QuotaExceededError");
    return real.call(this, store, mode);
  });
}

afterEach(() => void vi.useRealTimers());

describe("records on the disk", () => {
  it("come back in their order after the page is gone, without what was removed", async () => {
    const factory = new IDBFactory();
    const { records } = await open(() => factory);
    expect(records.isKept).toBe(true);
    const [first] = await records.change({ add: [{ word: "a" }, { word: "b" }] });
    await records.change({ add: [{ word: "c" }], remove: [first.sequence] });
    records.close();
    expect(await texts((await open(() => factory)).records)).toEqual(["b", "c"]);
  });

  it.each([
    ["on the disk", () => new IDBFactory()],
    ["in memory", () => undefined],
  ])("are written over in their place, and not brought back once they are gone, %s", async (_, findFactory) => {
    const { records } = await open(findFactory);
    const [a, b] = await records.change({ add: [{ word: "a" }, { word: "b" }, { word: "c" }] });
    await records.change({ replace: [{ ...b, word: "B" }] });
    expect(await texts(records)).toEqual(["a", "B", "c"]);
    await records.change({ remove: [a.sequence], replace: [{ ...a, word: "A" }] });
    await records.change({ replace: [{ ...a, word: "A" }] });
    expect(await texts(records)).toEqual(["B", "c"]);
  });

  it("go on in memory, with what could still be read, where the disk fails", async () => {
    const factory = new IDBFactory();
    const { records, onLost } = await open(() => factory);
    const [first] = await records.change({ add: [{ word: "a" }, { word: "b" }] });
    failAt("readwrite");
    const [third] = await records.change({ add: [{ word: "c" }], remove: [first.sequence] });
    expect(records.isKept).toBe(false);
    expect(third.sequence).toBeGreaterThan(first.sequence);
    expect(await texts(records)).toEqual(["b", "c"]);
    await records.change({ add: [{ word: "d" }] });
    expect(await texts(records)).toEqual(["b", "c", "d"]);
    expect(onLost).toHaveBeenCalledTimes(1);
  });

  it("go on in memory where not even reading works any more", async () => {
    const factory = new IDBFactory();
    const { records, onLost } = await open(() => factory);
    failAt("readwrite", "readonly");
    const both = await Promise.all([
      records.change({ add: [{ word: "a" }] }),
      records.change({ add: [{ word: "b" }] }),
    ]);
    expect(new Set(both.flat().map(({ sequence }) => sequence)).size).toBe(2);
    expect(await texts(records)).toEqual(["a", "b"]);
    expect(onLost).toHaveBeenCalledTimes(1);
  });
});

describe("records in a browser that keeps nothing", () => {
  const failing = {
    open: () => {
      const error = new DOMException("private", "InvalidStateError");
      const request: { error: DOMException; onerror?: () => void } = { error };
      queueMicrotask(() => request.onerror?.());
      return request;
    },
  } as unknown as IDBFactory;
  const throwing = {
    open: () => {
      throw new DOMException("denied", "SecurityError");
    },
  } as unknown as IDBFactory;
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };

  it.each([
    ["is missing", () => undefined],
    ["refuses to be found", refuse],
    ["throws on opening", () => throwing],
    ["fails on opening", () => failing],
  ])("last as long as the page where IndexedDB %s", async (_, find) => {
    const { records, onLost } = await open(find);
    expect(records.isKept).toBe(false);
    expect(onLost).toHaveBeenCalledTimes(1);
    const [first] = await records.change({ add: [{ word: "a" }, { word: "b" }] });
    await records.change({ remove: [first.sequence] });
    expect(await texts(records)).toEqual(["b"]);
  });

  it("last as long as the page where IndexedDB never answers", async () => {
    vi.useFakeTimers();
    const opening = open(() => ({ open: () => ({}) }) as unknown as IDBFactory);
    await vi.runAllTimersAsync();
    expect((await opening).records.isKept).toBe(false);
  });
});
