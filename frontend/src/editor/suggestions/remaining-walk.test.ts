import { beforeEach, expect, it } from "vitest";

import type { Proposal } from "../../geometry/places";
import type { ImagePoint } from "../../geometry/types";
import { DEFAULT_BINDINGS } from "../../input/keymap";
import { EMPTY_DRAFT } from "../../model/draft";
import type { ImageInfo } from "../../model/workspace";
import { makeStores, type Stores } from "../state/stores";
import { RemainingWalk } from "./remaining-walk";

const IMAGE = { id: 1, size: { width: 100, height: 60 } } as ImageInfo;
let stores: Stores;
let asked: ImagePoint[];
let shown: number;
/** The model takes the right end of the photo for an object, and is not sure of anything else. */
let answer: (point: ImagePoint, signal: AbortSignal) => Promise<Proposal | null>;
const thing = ({ x }: ImagePoint): Proposal => ({
  bounds: x > 70 ? { x0: 72, y0: 10, x1: 90, y1: 40 } : { x0: 0, y0: 0, x1: 30, y1: 30 },
  score: x > 70 ? 0.9 : 0.2,
  contains: (x_) => (x > 70 ? x_ >= 72 && x_ < 90 : x_ < 30),
});
const makeWalk = (): RemainingWalk =>
  new RemainingWalk({
    stores,
    viewing: { showBox: () => (shown += 1), overlayChanged: () => undefined },
    propose: (point, signal) => {
      asked.push(point);
      return answer(point, signal);
    },
    tellNoGaps: () => undefined,
  });

beforeEach(() => {
  stores = makeStores(DEFAULT_BINDINGS, "en", null);
  stores.image.set(IMAGE);
  asked = [];
  shown = 0;
  answer = (point) => Promise.resolve(thing(point));
});

it("goes first to where the model is sure of an object, then to bare gaps, and asks nothing twice", async () => {
  const walk = makeWalk();
  await walk.goToNextGap();
  const first = stores.remaining.get();
  expect(first?.places[first.at]).toMatchObject({ box: { x0: 72, y0: 10, x1: 90, y1: 40 } });
  expect(first?.places[first.at].likelihood).toBeCloseTo(0.9, 5);
  await walk.goToNextGap();
  const second = stores.remaining.get();
  expect(second?.places[second.at].likelihood).toBeNull();
  expect(new Set(asked.map(({ x, y }) => `${x},${y}`)).size).toBe(asked.length);
  expect(shown).toBe(2);
});

it("stops asking when the person begins a mask, and moves the view no more", async () => {
  const waiting: (() => void)[] = [];
  answer = (_, signal) =>
    new Promise((resolve) => {
      waiting.push(() => resolve(null));
      signal.addEventListener("abort", () => resolve(null));
    });
  const going = makeWalk().goToNextGap();
  expect(stores.remaining.get()?.isAsking).toBe(true);
  stores.draft.set(EMPTY_DRAFT);
  await going;
  expect(asked).toHaveLength(1);
  expect(shown).toBe(0);
  expect(stores.remaining.get()?.isAsking).toBe(false);
});
