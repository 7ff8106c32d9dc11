import { IDBFactory } from "fake-indexeddb";
import { beforeEach, expect, it } from "vitest";

import { openJournal, type Journal } from "../../api/journal";
import { bitmapMask, drawing } from "../../geometry/mask-fixtures";
import { DEFAULT_BINDINGS } from "../../input/keymap";
import { MaskDocument } from "../../model/document";
import { EMPTY_DRAFT, type Draft } from "../../model/draft";
import type { ImageSession } from "../session/image-session";
import { Notices } from "../state/notices";
import { makeStores } from "../state/stores";
import { DraftKeeper } from "./draft-keeper";

const logits = { data: new Float32Array(4), side: 2 };
const candidate = { index: 2, predictedIou: 0.8, stabilityScore: 0.9, logits, maskLogits: logits };
const draft: Draft = {
  ...EMPTY_DRAFT,
  prompts: [{ kind: "point", point: { x: 1.5, y: 0.5 }, label: 1 }],
  mask: bitmapMask(["##.", ".#."]),
  candidates: [candidate],
  edits: [{ name: "brush", pixels: 2 }],
};

let journal: Journal;
beforeEach(async () => {
  const factory = new IDBFactory();
  journal = await openJournal(1, { findFactory: () => factory });
});

/** A page with an image open. */
function page(imageId: number) {
  const stores = makeStores(DEFAULT_BINDINGS, "en", null);
  const document = new MaskDocument();
  const prompting = { maskPrompt: () => logits };
  const session = { detail: { id: imageId }, document, prompting } as unknown as ImageSession;
  const keeper = new DraftKeeper(journal, stores, new Notices(stores), () => session);
  const show = (after: Draft | null): void => document.apply([{ kind: "draft", before: null, after }], "local");
  const offered = async () => {
    await keeper.offer(session);
    return stores.notices.get().find(({ key }) => key === "notice.draft.kept")?.action ?? null;
  };
  return { document, keeper, show, offered };
}

it("offers a draft that a page left open, as it was, and forgets it once it is accepted or dropped", async () => {
  const first = page(3);
  first.show(draft);
  await first.keeper.keep();
  const second = page(3);
  const action = await second.offered();
  expect(second.document.draft).toBeNull();
  action?.run();
  const back = second.document.draft;
  expect(back?.mask && drawing(back.mask)).toEqual(["##.", ".#."]);
  expect([back?.prompts, back?.edits]).toEqual([draft.prompts, draft.edits]);
  expect(back?.candidates.map(({ index, predictedIou }) => [index, predictedIou])).toEqual([[2, 0.8]]);
  await second.keeper.keep();
  second.show(null);
  await second.keeper.keep();
  expect(await page(3).offered()).toBeNull();
});

it("keeps one for each image, and leaves alone what this page has not written", async () => {
  const first = page(3);
  first.show(draft);
  await first.keeper.keep();
  await page(4).keeper.keep();
  await page(3).keeper.keep();
  expect(await page(4).offered()).toBeNull();
  expect(await page(3).offered()).not.toBeNull();
});

it("does not offer it in place of what is drawn by now, and makes a new mask where the refined one is gone", async () => {
  const first = page(3);
  first.show({ ...draft, targetId: "gone" });
  await first.keeper.keep();
  const second = page(3);
  second.show(draft);
  expect(await second.offered()).toBeNull();
  const third = page(3);
  (await third.offered())?.run();
  expect(third.document.draft?.targetId).toBeNull();
});
