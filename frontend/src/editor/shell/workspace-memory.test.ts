import { beforeEach, describe, expect, it } from "vitest";

import { DEFAULT_BINDINGS } from "../../input/keymap";
import { openSmallStorage } from "../../platform/small-storage";
import { makeStores, type Stores } from "../state/stores";
import { rememberWorkspace } from "./workspace-memory";

const KEY = "looks";
let kept: Map<string, string>;
const storage = {
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, text: string) => void kept.set(key, text),
};
const makeKept = (): Stores => {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  rememberWorkspace(stores, storage, KEY);
  return stores;
};

beforeEach(() => {
  kept = new Map();
});

describe("the workspace", () => {
  it("is on the next visit as it was left", () => {
    const first = makeKept();
    first.panelWidth.set(400);
    first.isPanelOpen.set(false);
    first.brush.update((brush) => ({ ...brush, size: 77, shape: "square" }));
    first.settings.update((settings) => ({ ...settings, opacity: 0.7, isHoverOn: false }));
    const next = makeKept();
    expect([next.panelWidth.get(), next.isPanelOpen.get()]).toEqual([400, false]);
    expect(next.brush.get()).toMatchObject({ size: 77, shape: "square" });
    expect(next.settings.get()).toMatchObject({ opacity: 0.7, isHoverOn: false });
  });

  it("forgets what belonged to one image", () => {
    const first = makeKept();
    first.settings.update((settings) => ({ ...settings, brightness: 2, areMasksHidden: true, isSolo: true }));
    expect(makeKept().settings.get()).toMatchObject({ brightness: 1, areMasksHidden: false, isSolo: false });
  });

  it("is as it comes where the storage holds something else or is closed", () => {
    kept.set(KEY, "{broken");
    expect(makeKept().panelWidth.get()).toBe(280);
    const closed = () => {
      throw new DOMException("closed", "SecurityError");
    };
    const stores = makeStores(DEFAULT_BINDINGS, "en", null);
    rememberWorkspace(stores, openSmallStorage("localStorage", closed), KEY);
    stores.panelWidth.set(300);
    expect(stores.panelWidth.get()).toBe(300);
  });
});
