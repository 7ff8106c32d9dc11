import { expect, it } from "vitest";

import { ByteLru } from "./byte-lru";

it("drops the least recently used values once the bytes are spent, and says which", () => {
  const dropped: string[] = [];
  const lru = new ByteLru<string>(10, (value) => dropped.push(value));
  expect(lru.set("a", "A", 4)).toEqual([]);
  expect(lru.set("b", "B", 4)).toEqual([]);
  expect(lru.get("a")).toBe("A");
  expect(lru.set("c", "C", 4)).toEqual(["b"]);
  expect(dropped).toEqual(["B"]);
  expect([lru.has("a"), lru.has("b"), lru.bytes]).toEqual([true, false, 8]);
});

it("keeps the newest value even when it is larger than the budget", () => {
  const lru = new ByteLru<number>(10);
  lru.set("small", 1, 5);
  expect(lru.set("large", 2, 50)).toEqual(["small"]);
  expect(lru.get("large")).toBe(2);
});

it("counts a value once when it is set again, and nothing after clearing", () => {
  const lru = new ByteLru<number>(10);
  lru.set("a", 1, 5);
  lru.set("a", 2, 7);
  expect(lru.bytes).toBe(7);
  lru.clear();
  expect([lru.bytes, lru.get("a")]).toEqual([0, undefined]);
});
