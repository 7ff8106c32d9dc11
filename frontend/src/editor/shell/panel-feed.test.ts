import { beforeEach, expect, it, vi } from "vitest";

import { bitmapMask } from "../../geometry/mask-fixtures";
import { MaskDocument } from "../../model/document";
import { EMPTY_DRAFT } from "../../model/draft";
import { History } from "../../model/history";
import { makeRecord } from "../../model/record-fixtures";
import type { ImageSession } from "../session/image-session";
import { makeStores, type Stores } from "../state/stores";
import { PanelFeed } from "./panel-feed";
import { bindingsFor } from "./personal";

let stores: Stores;
const viewing = { masksChanged: vi.fn(), overlayChanged: vi.fn() };

function sessionOf(detail: Record<string, unknown>): ImageSession {
  const all = { id: 3, name: "cup.jpg", position: 2, total: 5, previous_id: 1, next_id: null, work_status: "new" };
  const session = { document: new MaskDocument(), history: new History(), size: { width: 4, height: 3 } };
  return { ...session, detail: { ...all, ...detail } } as unknown as ImageSession;
}

function feed(): PanelFeed {
  return new PanelFeed(stores, { prune: () => undefined }, viewing, "assisted_manual");
}

beforeEach(() => {
  stores = makeStores(bindingsFor({}), "en", null);
  vi.clearAllMocks();
});

it("says which image this is and in which stage; before it is handed out, the project's", () => {
  feed().begin(sessionOf({ stage: "semi_automatic" }));
  expect(stores.stage.get()).toBe("semi_automatic");
  expect(stores.image.get()).toMatchObject({ id: 3, name: "cup.jpg", position: 2, total: 5, nextId: null });
  feed().begin(sessionOf({ stage: "" }));
  expect(stores.stage.get()).toBe("assisted_manual");
});

it("forgets what was selected and asked on the image before", () => {
  stores.selection.set(new Set(["a"]));
  stores.conflicts.set([{ annotationId: "a", mine: null, theirs: null, theirName: "" }]);
  feed().begin(sessionOf({}));
  expect([stores.selection.get().size, stores.conflicts.get()]).toEqual([0, []]);
});

it("has the masks drawn anew when they changed, and else only what lies above them", () => {
  const session = sessionOf({});
  const one = feed();
  one.begin(session);
  session.document.apply(
    [{ kind: "mask", id: "a", before: null, after: makeRecord("a", bitmapMask(["#.."])) }],
    "local",
  );
  viewing.masksChanged.mockClear();
  one.refresh(session);
  expect([viewing.masksChanged.mock.calls.length, stores.masks.get().length]).toEqual([1, 1]);
  session.document.apply([{ kind: "draft", before: null, after: EMPTY_DRAFT }], "local");
  one.refresh(session);
  expect([viewing.masksChanged.mock.calls.length, stores.draft.get()]).toEqual([1, EMPTY_DRAFT]);
  expect(viewing.overlayChanged).toHaveBeenCalledOnce();
});
