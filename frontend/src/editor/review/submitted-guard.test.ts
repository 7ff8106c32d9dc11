import { beforeEach, describe, expect, it, vi } from "vitest";

import { DEFAULT_BINDINGS } from "../../input/keymap";
import { Notices } from "../state/notices";
import { makeStores, type Stores } from "../state/stores";
import { SubmittedGuard } from "./submitted-guard";

const image = {
  id: 3,
  name: "a",
  size: { width: 9, height: 9 },
  position: 1,
  total: 2,
  previousId: null,
  nextId: null,
};
let stores: Stores;
let guard: SubmittedGuard;

beforeEach(() => {
  stores = makeStores(DEFAULT_BINDINGS, "en", null);
  guard = new SubmittedGuard(stores, new Notices(stores), true);
});

describe("an image that is out of the annotators' hands", () => {
  it.each(["new", "in_progress"])("is not one that is %s", (workStatus) => {
    stores.image.set({ ...image, workStatus });
    expect(guard.mayChange()).toBe(true);
    expect(stores.notices.get()).toEqual([]);
  });

  it.each(["submitted", "reviewed"])("is not changed before the person was told and said so: %s", (workStatus) => {
    stores.image.set({ ...image, workStatus });
    const change = vi.fn<(id: string) => void>();
    guard.guarded(change)("a");
    guard.guarded(change)("b");
    expect(change).not.toHaveBeenCalled();
    expect(stores.notices.get().map(({ key }) => key)).toEqual(["notice.submitted"]);
    stores.notices.get()[0].action?.run();
    expect(stores.notices.get()).toEqual([]);
    guard.guarded(change)("c");
    expect(change).toHaveBeenCalledExactlyOnceWith("c");
    stores.image.set({ ...image, id: 4, workStatus });
    expect(guard.mayChange()).toBe(false);
  });

  it("stays as a reviewer accepted it, for annotators", () => {
    const bound = new SubmittedGuard(stores, new Notices(stores), false);
    stores.image.set({ ...image, workStatus: "reviewed" });
    expect(bound.mayChange()).toBe(false);
    expect(stores.notices.get().map(({ key, action }) => [key, action])).toEqual([["notice.accepted", null]]);
    expect(bound.overrides()).toBe(false);
  });

  it("is changed by reviewers with an override, once it is reviewed", () => {
    stores.image.set({ ...image, workStatus: "submitted" });
    expect(guard.overrides()).toBe(false);
    stores.image.set({ ...image, workStatus: "reviewed" });
    expect(guard.overrides()).toBe(true);
  });

  it("may be mended by the reviewer who judges it, unless it is the reviewer's own", () => {
    stores.image.set({ ...image, workStatus: "submitted" });
    stores.review.set({ kind: "judge", isOwn: false, byName: "", comment: "", isSending: false });
    expect(guard.mayChange()).toBe(true);
    stores.review.set({ kind: "judge", isOwn: true, byName: "", comment: "", isSending: false });
    expect(guard.mayChange()).toBe(false);
  });
});
