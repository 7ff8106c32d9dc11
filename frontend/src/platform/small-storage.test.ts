import { describe, expect, it } from "vitest";

import { openSmallStorage, readJson } from "./small-storage";

const blocked = () => {
  throw new DOMException("denied", "SecurityError");
};

/** A browser's storage with room for so many texts. */
function storageFor(room: number): Storage {
  const texts = new Map<string, string>();
  return {
    getItem: (key: string) => texts.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (!texts.has(key) && texts.size >= room) throw new DOMException("full", "QuotaExceededError");
      texts.set(key, value);
    },
    removeItem: (key: string) => void texts.delete(key),
  } as unknown as Storage;
}

describe("small texts", () => {
  it.each([
    ["is missing", () => undefined],
    ["refuses to be found", blocked],
    ["throws at every use", () => ({ getItem: blocked, setItem: blocked, removeItem: blocked }) as unknown as Storage],
  ])("last as long as the page where the browser's storage %s", (_, find) => {
    const storage = openSmallStorage("localStorage", find);
    expect(storage.getItem("a")).toBeNull();
    storage.setItem("a", "1");
    expect(storage.isKept).toBe(false);
    expect(storage.getItem("a")).toBe("1");
    storage.removeItem("a");
    expect(storage.getItem("a")).toBeNull();
  });

  it("are still read and written where one does not fit", () => {
    const browsers = storageFor(1);
    browsers.setItem("old", "kept");
    const storage = openSmallStorage("localStorage", () => browsers);
    storage.setItem("new", "too much");
    expect(storage.isKept).toBe(false);
    expect([storage.getItem("old"), storage.getItem("new")]).toEqual(["kept", "too much"]);
    storage.setItem("old", "again");
    expect(storage.isKept).toBe(true);
    expect(browsers.getItem("old")).toBe("again");
  });

  it("are the browser's own once written: another tab may change them", () => {
    const browsers = storageFor(2);
    const storage = openSmallStorage("localStorage", () => browsers);
    storage.setItem("a", "mine");
    browsers.setItem("a", "theirs");
    expect(storage.getItem("a")).toBe("theirs");
  });

  it("are nothing where they should be JSON and are not", () => {
    const storage = openSmallStorage("localStorage", () => storageFor(3));
    storage.setItem("good", '{"a":1}');
    storage.setItem("bad", "{");
    expect(readJson(storage, "good")).toEqual({ a: 1 });
    expect(readJson(storage, "bad")).toBeNull();
    expect(readJson(storage, "none")).toBeNull();
  });
});
