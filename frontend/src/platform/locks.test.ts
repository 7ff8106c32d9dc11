import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { withLock } from "./locks";
import { openSmallStorage, type SmallStorage } from "./small-storage";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function sharedTexts(): SmallStorage {
  const texts = new Map<string, string>();
  const browsers = {
    getItem: (key: string) => texts.get(key) ?? null,
    setItem: (key: string, value: string) => void texts.set(key, value),
    removeItem: (key: string) => void texts.delete(key),
  };
  return openSmallStorage("localStorage", () => browsers as unknown as Storage);
}

/** Work that says when it is done and ends when it is told to. */
function job(log: string[], name: string) {
  let finish = (): void => undefined;
  const work = (): Promise<string> => {
    log.push(`${name} begins`);
    return new Promise((resolve) => {
      finish = () => {
        finish = () => undefined;
        log.push(`${name} ends`);
        resolve(name);
      };
    });
  };
  return { work, finish: () => finish() };
}

describe("a lock", () => {
  it("is the browser's where it has them", async () => {
    const request = vi.fn((_name: string, _options: LockOptions, work: () => Promise<number>) => work());
    const locks = { request } as unknown as LockManager;
    await expect(withLock("a", () => Promise.resolve(7), { locks })).resolves.toBe(7);
    expect(request).toHaveBeenCalledTimes(1);
    await expect(withLock("a", () => Promise.reject(new Error("mine")), { locks })).rejects.toThrow("mine");
  });

  it.each([
    ["there are none", null],
    ["they are refused", { request: () => Promise.reject(new DOMException("no", "SecurityError")) }],
  ])("is a lease between tabs where %s", async (_, locks) => {
    const log: string[] = [];
    const storage = sharedTexts();
    const [one, two] = [job(log, "one"), job(log, "two")];
    const options = { locks: locks as unknown as LockManager, storage };
    // Two names in this tab, one key in the storage: as two tabs would.
    storage.setItem("maskwright-lock-a", `another-tab ${Date.now() + 5_000}`);
    const first = withLock("a", one.work, options);
    const second = withLock("a", two.work, options);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(log).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(log).toEqual(["one begins"]);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(Number(storage.getItem("maskwright-lock-a")?.split(" ")[1])).toBeGreaterThan(Date.now());
    one.finish();
    await expect(first).resolves.toBe("one");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log).toEqual(["one begins", "one ends", "two begins"]);
    two.finish();
    await expect(second).resolves.toBe("two");
    expect(storage.getItem("maskwright-lock-a")).toBeNull();
  });

  it("goes to one of two tabs that ask at once", async () => {
    const log: string[] = [];
    const storage = sharedTexts();
    vi.resetModules();
    const { withLock: otherTabs } = await import("./locks");
    const [one, two] = [job(log, "one"), job(log, "two")];
    const options = { locks: null, storage };
    const both = [withLock("b", one.work, options), otherTabs("b", two.work, options)];
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log).toHaveLength(1);
    one.finish();
    two.finish();
    await vi.advanceTimersByTimeAsync(1_000);
    one.finish();
    two.finish();
    await Promise.all(both);
    expect(log.map((line) => line.split(" ")[1])).toEqual(["begins", "ends", "begins", "ends"]);
  });

  it("is the tab's own order where the browser keeps nothing", async () => {
    const log: string[] = [];
    const storage = openSmallStorage("localStorage", () => undefined);
    const [one, two] = [job(log, "one"), job(log, "two")];
    const both = [withLock("c", one.work, { locks: null, storage }), withLock("c", two.work, { locks: null, storage })];
    await vi.advanceTimersByTimeAsync(1_000);
    expect(log).toEqual(["one begins"]);
    one.finish();
    await vi.advanceTimersByTimeAsync(1_000);
    two.finish();
    await Promise.all(both);
    expect(log).toEqual(["one begins", "one ends", "two begins", "two ends"]);
  });

  it("is waited for no longer than the signal says", async () => {
    const storage = sharedTexts();
    storage.setItem("maskwright-lock-d", `another-tab ${Date.now() + 5_000}`);
    const { signal, abort } = controlled();
    const waiting = withLock("d", () => Promise.resolve(1), { locks: null, storage, signal });
    const refused = expect(waiting).rejects.toThrow("enough");
    await vi.advanceTimersByTimeAsync(1_000);
    abort(new Error("enough"));
    await refused;
  });
});

function controlled() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (reason: Error) => controller.abort(reason) };
}
