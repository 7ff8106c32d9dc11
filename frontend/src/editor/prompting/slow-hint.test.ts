import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { DEFAULT_BINDINGS } from "../../input/keymap";
import { EMPTY_DRAFT } from "../../model/draft";
import { makeStores } from "../state/stores";
import { SLOW_AFTER_MS, watchForSlowMasks } from "./slow-hint";

function watched() {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  watchForSlowMasks(stores);
  return stores;
}

describe("the hint to move on", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it("comes 30 s after the first prompt, whether the hand moves or not, and goes with the mask", () => {
    const stores = watched();
    vi.advanceTimersByTime(10 * SLOW_AFTER_MS);
    stores.draft.set(EMPTY_DRAFT);
    vi.advanceTimersByTime(SLOW_AFTER_MS - 1);
    expect(stores.isSlow.get()).toBe(false);
    stores.draft.set({ ...EMPTY_DRAFT });
    vi.advanceTimersByTime(1);
    expect(stores.isSlow.get()).toBe(true);
    stores.draft.set(null);
    expect(stores.isSlow.get()).toBe(false);
  });

  it("begins anew with the next mask", () => {
    const stores = watched();
    stores.draft.set(EMPTY_DRAFT);
    vi.advanceTimersByTime(SLOW_AFTER_MS - 1);
    stores.draft.set(null);
    stores.draft.set({ ...EMPTY_DRAFT });
    vi.advanceTimersByTime(SLOW_AFTER_MS - 1);
    expect(stores.isSlow.get()).toBe(false);
  });

  it("is gone at once when it is switched off, and there again when it is switched on", () => {
    const stores = watched();
    stores.draft.set(EMPTY_DRAFT);
    vi.advanceTimersByTime(SLOW_AFTER_MS);
    stores.settings.update((settings) => ({ ...settings, isTimerHintOn: false }));
    expect(stores.isSlow.get()).toBe(false);
    stores.settings.update((settings) => ({ ...settings, isTimerHintOn: true }));
    expect(stores.isSlow.get()).toBe(true);
  });
});
