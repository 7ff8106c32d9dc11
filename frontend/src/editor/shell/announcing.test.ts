import { beforeEach, describe, expect, it } from "vitest";

import { bitmapMask } from "../../geometry/mask-fixtures";
import { DEFAULT_BINDINGS } from "../../input/keymap";
import { addPoint, EMPTY_DRAFT, type Draft } from "../../model/draft";
import type { Candidate } from "../../model/embedding-views";
import { makeRecord } from "../../model/record-fixtures";
import { makeStores, type Stores } from "../state/stores";
import { announceWork } from "./announcing";

const cat = { id: 1, name: "Cat | dog", color: "#000000", key: "1", position: 0, attributes: [] };
const candidate = (index: number): Candidate => ({
  index,
  predictedIou: 0.9 - index / 10,
  stabilityScore: 1,
  logits: { data: Float32Array.of(0), side: 1 },
  maskLogits: { data: Float32Array.of(0), side: 1 },
});
let stores: Stores;
let said: string[];

beforeEach(() => {
  stores = makeStores(DEFAULT_BINDINGS, "en", null);
  said = [];
  announceWork(stores, [cat]);
  stores.announcement.subscribe(() => said.push(stores.announcement.get().split("|").slice(0, 2).join(": ")));
});

describe("screen readers are told", () => {
  it("of points, of the model's answer, and of another candidate", () => {
    const asked = addPoint(EMPTY_DRAFT, { x: 3.4, y: 7.6 }, 1);
    const answered: Draft = {
      ...asked,
      candidates: [candidate(1), candidate(2), candidate(3)],
      mask: bitmapMask(["###"]),
    };
    stores.draft.set(asked);
    stores.draft.set(answered);
    stores.draft.set({ ...answered, chosen: 1 });
    stores.draft.set(addPoint(answered, { x: 1, y: 2 }, 0));
    expect(said).toEqual([
      "announce.foreground: 3, 8",
      "announce.answer: 3",
      "announce.candidate: 2/3, 0.70",
      "announce.background: 1, 2",
    ]);
  });

  it("what the model answered, and the candidate that is shown instead", () => {
    const asked = addPoint(EMPTY_DRAFT, { x: 3, y: 7 }, 1);
    const candidates = [candidate(1), candidate(2)];
    const answered: Draft = { ...asked, candidates, mask: bitmapMask(["##."]) };
    stores.draft.set(asked);
    stores.draft.set(answered);
    stores.draft.set({ ...answered, chosen: 1 });
    expect(said.slice(1)).toEqual(["announce.answer: 2", "announce.candidate: 2/2, 0.70"]);
  });

  it("which mask is selected, and its place in the list", () => {
    const masks = [makeRecord("a", bitmapMask(["##"]), { labelId: 1 }), makeRecord("b", bitmapMask(["#."]), {})];
    stores.masks.set(masks);
    stores.selection.set(new Set(["a"]));
    stores.selection.set(new Set(["a", "b"]));
    stores.selection.set(new Set());
    expect(said).toEqual(["announce.selected: Cat / dog, 2 px, 2/2", "announce.selected: 2"]);
  });
});
