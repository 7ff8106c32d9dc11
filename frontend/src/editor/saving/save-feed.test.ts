import { expect, it } from "vitest";

import type { JournalEntry } from "../../api/journal";
import type { SaveReport } from "../../api/save-report";
import { DEFAULT_BINDINGS } from "../../input/keymap";
import { makeStores } from "../state/stores";
import { feedSaveInfo, saveInfoOf } from "./save-feed";

const refused = (mask: string, type: JournalEntry["operation"]["type"], code?: string): JournalEntry => ({
  sequence: 1,
  imageId: 8,
  operation: { op_id: "o", type, annotation_id: mask, base_revision: 0, fields: {} },
  ...(code === undefined ? {} : { held: { reason: "refused" as const, code, message: "no" } }),
});
const report: SaveReport = {
  status: "offline",
  operations: 9,
  masks: new Map([
    [7, 2],
    [8, 3],
    [9, 1],
  ]),
  refused: [],
  isKept: true,
};

it("counts the masks of all images, and those of the others than the open one", () => {
  expect(saveInfoOf(report, 7)).toMatchObject({ state: "offline", pending: 6, elsewhere: { masks: 4, images: 2 } });
  expect(saveInfoOf(report, null).elsewhere).toEqual({ masks: 6, images: 3 });
  expect(saveInfoOf({ ...report, masks: new Map([[7, 2]]) }, 7).elsewhere).toEqual({ masks: 0, images: 0 });
});

it("shows a refused mask once, with what was refused first", () => {
  const entries = [
    refused("a", "create", "too_large"),
    refused("a", "update", "later"),
    refused("b", "update"),
    refused("b", "delete", "x"),
  ];
  const info = saveInfoOf({ ...report, refused: entries }, 7);
  expect(info.refused.map(({ annotationId, operation, code }) => [annotationId, operation, code])).toEqual([
    ["a", "create", "too_large"],
    ["b", "delete", "x"],
  ]);
});

it("says which refusals a reviewer may set aside", () => {
  const codes = ["project_archived", "image_reviewed", "held_by_other", "mask_locked", "too_large"];
  const entries = codes.map((code, i) => refused(`mask${i}`, "update", code));
  const info = saveInfoOf({ ...report, refused: entries }, 7);
  expect(info.refused.map(({ isOverridable }) => isOverridable)).toEqual([true, true, true, true, false]);
});

it("counts anew when another image is opened", () => {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  const update = feedSaveInfo(stores, () => report);
  update();
  expect(stores.save.get().elsewhere.masks).toBe(6);
  const image = {
    id: 8,
    name: "a",
    size: { width: 1, height: 1 },
    position: 1,
    total: 1,
    previousId: null,
    nextId: null,
  };
  stores.image.set({ ...image, workStatus: "new" });
  expect(stores.save.get().elsewhere.masks).toBe(3);
});

it("opens the panel for a mask that was refused, once", () => {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  const entries = [refused("a", "create", "image_reviewed")];
  const update = feedSaveInfo(stores, () => ({ ...report, refused: entries }));
  stores.isPanelOpen.set(false);
  update();
  expect(stores.isPanelOpen.get()).toBe(true);
  stores.isPanelOpen.set(false);
  update();
  expect(stores.isPanelOpen.get()).toBe(false);
  entries.push(refused("b", "create", "image_reviewed"));
  update();
  expect(stores.isPanelOpen.get()).toBe(true);
});
