import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { DEFAULT_BINDINGS } from "../../input/keymap";
import { makeStores, type Stores } from "../state/stores";
import { Presence, VISIT_EVERY_MS } from "./presence";

const info = (id: number) => ({
  ...{ id, name: "a", size: { width: 9, height: 9 }, position: 1, total: 2, previousId: null, nextId: null },
  workStatus: "new",
});
let stores: Stores;
let calls: string[];
let people: { user_id: number; name: string }[];
let stop: () => void;

beforeEach(() => {
  vi.useFakeTimers();
  stores = makeStores(DEFAULT_BINDINGS, "en", null);
  calls = [];
  people = [{ user_id: 7, name: "Mina" }];
  const api = {
    visit: (id: number) => {
      calls.push(`in ${id}`);
      return Promise.resolve({ people });
    },
    endVisit: (id: number) => {
      calls.push(`out ${id}`);
      return Promise.reject(new Error("offline"));
    },
  };
  stop = new Presence(api, stores).start();
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

it("says which image is open, leaves the one before, and shows who else is there", async () => {
  stores.image.set(info(1));
  await vi.advanceTimersByTimeAsync(0);
  expect(stores.people.get()).toEqual(["Mina"]);
  stores.image.set({ ...info(1), workStatus: "submitted" });
  stores.image.set(info(2));
  expect(stores.people.get()).toEqual([]);
  expect(calls).toEqual(["in 1", "out 1", "in 2"]);
  people = [];
  await vi.advanceTimersByTimeAsync(VISIT_EVERY_MS);
  expect(calls).toEqual(["in 1", "out 1", "in 2", "in 2"]);
  expect(stores.people.get()).toEqual([]);
});
