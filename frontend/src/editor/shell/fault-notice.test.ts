import { expect, it, vi } from "vitest";

import { DEFAULT_BINDINGS } from "../../input/keymap";
import { Notices } from "../state/notices";
import { makeStores } from "../state/stores";
import { faultTeller } from "./fault-notice";

function bench(pending: number, isKept: boolean) {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  stores.save.set({ ...stores.save.get(), state: pending === 0 ? "saved" : "saving", pending });
  const reload = vi.fn();
  const tell = faultTeller(new Notices(stores), stores.save, () => isKept, reload);
  return { stores, tell, reload };
}

it.each([
  [0, true, "fault.saved"],
  [0, false, "fault.saved"],
  [3, true, "fault.kept"],
  [3, false, "fault.unkept"],
])("says what is kept: %i pending, journal kept %s", (pending, isKept, key) => {
  const { stores, tell, reload } = bench(pending, isKept);
  tell("x is not a function");
  const [notice] = stores.notices.get();
  expect(notice).toMatchObject({ tone: "error", key, params: { reason: "x is not a function", pending } });
  notice.action?.run();
  expect(reload).toHaveBeenCalledTimes(1);
});

it("is one notice however often something fails", () => {
  const { stores, tell } = bench(0, true);
  tell("one");
  stores.save.set({ ...stores.save.get(), state: "saving", pending: 1 });
  tell("two");
  expect(stores.notices.get().map(({ key, params }) => [key, params["reason"]])).toEqual([["fault.kept", "two"]]);
});
