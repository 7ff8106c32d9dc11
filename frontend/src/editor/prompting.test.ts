import { beforeEach, describe, expect, it } from "vitest";

import { bitmapMask, drawing } from "../geometry/mask-fixtures";
import type { BoxXyxy } from "../geometry/types";
import { MaskDocument } from "../model/document";
import { noteHandEdit } from "../model/draft";
import { History } from "../model/history";
import type { EmbeddingSource } from "./decoder-port";
import { FakeDecoder, settle } from "./fake-decoder";
import { Prompting } from "./prompting";

const SIZE = { width: 6, height: 2 };
const PART: BoxXyxy = { x0: 1, y0: 0, x1: 3, y1: 2 };
const WHOLE: EmbeddingSource = { imageId: 1, key: "k", url: "/k.npy", cropBox: null, isMirrored: false };
const MIRROR: EmbeddingSource = { ...WHOLE, key: "mirror", isMirrored: true };
const NEAR: EmbeddingSource = { ...MIRROR, key: "near", cropBox: PART };

let document: MaskDocument;
let history: History;
let decoder: FakeDecoder;
let prompting: Prompting;
let embedding: EmbeddingSource | null;
let failures: unknown[];
let step: number;
let looked: (BoxXyxy | null)[];
let arriving: Promise<EmbeddingSource | null> | null;
let paint: Promise<void>;
let letPaint: () => void;

beforeEach(() => {
  document = new MaskDocument();
  history = new History();
  decoder = new FakeDecoder();
  embedding = WHOLE;
  failures = [];
  step = 1;
  looked = [];
  arriving = null;
  paint = Promise.resolve();
  prompting = new Prompting(
    {
      document,
      history,
      decoder,
      embeddingFor: () => embedding,
      embeddingToLookAt: (part) => {
        looked.push(part);
        return arriving ?? Promise.resolve(part ? { ...NEAR, cropBox: part } : MIRROR);
      },
      onDecoded: () => undefined,
      onShown: () => undefined,
      onFailed: (error) => failures.push(error),
      onPreview: () => undefined,
      detailStep: () => 1,
      glimpseStep: () => step,
      afterPaint: () => paint,
    },
    SIZE,
  );
});

const topRow = (): string | null => (document.draft?.mask ? drawing(document.draft.mask)[0] : null);
const undo = (): void => document.apply(history.undo(), "local");
const redo = (): void => document.apply(history.redo(), "local");

describe("prompting", () => {
  it("shows the chosen candidate's mask", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    expect(prompting.isDecoding.get()).toBe(true);
    await decoder.answer();
    expect(topRow()).toBe("..#...");
    expect(prompting.isDecoding.get()).toBe(false);
  });

  it("refines with the logits shown last", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    prompting.addPoint({ x: 2, y: 1 }, 0);
    expect(decoder.asked.map(({ maskInput }) => maskInput?.data[0] ?? null)).toEqual([null, 2]);
    expect(decoder.asked[1].prompts).toHaveLength(2);
  });

  it("drops an answer that comes after a newer prompt", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    const late = decoder.waiting.shift();
    prompting.addPoint({ x: 2, y: 1 }, 1);
    late?.resolve({ candidates: [], chosen: 0, decodeMs: 1, seen: [] });
    await decoder.answer([5, 5, 5, 5]);
    expect(topRow()).toBe(".....#");
    expect(failures).toEqual([]);
  });

  it("walks the candidates without a new run, around the end, leaving out the single one", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    const seen = [1, 1, 1].map(() => (prompting.cycleCandidate(1), topRow()));
    expect(seen).toEqual(["...#..", ".#....", "..#..."]);
    expect(decoder.asked).toHaveLength(1);
  });

  it("undoes and redoes prompts together with their answers, without a new run", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    prompting.addPoint({ x: 2, y: 1 }, 1);
    await decoder.answer([4, 4, 4, 4]);
    undo();
    expect(topRow()).toBe("..#...");
    undo();
    expect(document.draft).toBeNull();
    redo();
    redo();
    expect(topRow()).toBe("....#.");
    expect(decoder.asked).toHaveLength(2);
  });

  it("makes one entry of dragging a point", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    prompting.beginDrag();
    prompting.dragPoint(0, { x: 2, y: 1 });
    prompting.dragPoint(0, { x: 3, y: 1 });
    prompting.endDrag();
    await settle();
    decoder.waiting.splice(0, decoder.waiting.length - 1);
    await decoder.answer([5, 5, 5, 5]);
    expect(topRow()).toBe(".....#");
    undo();
    expect(document.draft?.prompts).toEqual([{ kind: "point", point: { x: 1, y: 1 }, label: 1 }]);
    expect(topRow()).toBe("..#...");
  });

  it("keeps what was painted by hand when the model answers anew", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    const draft = document.draft;
    const painted = bitmapMask(["..#..#", "......"]);
    const after = draft?.mask && noteHandEdit(draft, draft.mask, painted, { name: "paint", pixels: 1 });
    document.apply([{ kind: "draft", before: draft, after: after ?? null }], "local");
    prompting.addPoint({ x: 2, y: 1 }, 1);
    await decoder.answer([0, 0, 0, 0]);
    expect(topRow()).toBe("#....#");
  });

  it("waits for an embedding that is not there yet", async () => {
    embedding = null;
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await settle();
    expect(decoder.asked).toHaveLength(0);
    embedding = WHOLE;
    prompting.refresh();
    await settle();
    await decoder.answer();
    expect(topRow()).toBe("..#...");
  });

  it("gives logits of one crop to no other", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    embedding = { ...WHOLE, key: "crop", cropBox: { x0: 0, y0: 0, x1: 3, y1: 2 } };
    prompting.addPoint({ x: 2, y: 1 }, 1);
    expect(decoder.asked[1].maskInput).toBeNull();
  });

  it("tells of a failure and keeps the prompts", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    decoder.waiting.shift()?.reject(new Error("broken"));
    await settle();
    expect(failures).toEqual([new Error("broken")]);
    expect(document.draft?.prompts).toHaveLength(1);
  });

  it("previews under the cursor, one question at a time, and not while there is a draft", async () => {
    prompting.hover({ x: 1, y: 1 });
    prompting.hover({ x: 2, y: 1 });
    prompting.hover({ x: 3, y: 1 });
    expect(decoder.asked).toHaveLength(1);
    await decoder.answer();
    expect(decoder.asked[1].prompts).toMatchObject([{ point: { x: 3, y: 1 } }]);
    await decoder.answer();
    expect(prompting.hoverMask && drawing(prompting.hoverMask.mask)[0]).toBe("..#...");
    prompting.addPoint({ x: 1, y: 1 }, 1);
    expect(prompting.hoverMask).toBeNull();
    prompting.hover({ x: 4, y: 1 });
    expect(decoder.asked.filter(({ kind }) => kind === "hover")).toHaveLength(2);
  });

  it("gives a click the answer that its preview had, or will have", async () => {
    prompting.hover({ x: 1, y: 1 });
    await decoder.answer();
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await settle();
    expect(topRow()).toBe("..#...");
    prompting.abandon();
    prompting.hover({ x: 3, y: 1 });
    prompting.addPoint({ x: 3, y: 1 }, 1);
    await decoder.answer([4, 4, 4, 4]);
    expect(topRow()).toBe("....#.");
    expect(decoder.asked.map(({ kind }) => kind)).toEqual(["hover", "hover"]);
  });

  it("asks anew where the preview failed, was elsewhere, was of another embedding or the click is a background one", async () => {
    prompting.hover({ x: 1, y: 1 });
    prompting.addPoint({ x: 1, y: 1 }, 1);
    decoder.waiting.shift()?.reject(new Error("stale"));
    await settle();
    await decoder.answer();
    expect(topRow()).toBe("..#...");
    prompting.abandon();
    prompting.hover({ x: 2, y: 1 });
    await decoder.answer();
    prompting.addPoint({ x: 3, y: 1 }, 1);
    prompting.abandon();
    prompting.hover({ x: 2, y: 1 });
    await decoder.answer();
    prompting.addPoint({ x: 2, y: 1 }, 0);
    prompting.abandon();
    prompting.hover({ x: 2, y: 1 });
    await settle();
    decoder.waiting.splice(0, decoder.waiting.length - 1);
    await decoder.answer();
    embedding = { ...WHOLE, key: "other" };
    prompting.addPoint({ x: 2, y: 1 }, 1);
    await settle();
    expect(decoder.asked.map(({ kind }) => kind).filter((kind) => kind === "click")).toHaveLength(4);
    expect(failures).toEqual([]);
  });
});

describe("a glimpse of the mask", () => {
  it("is painted first; the exact mask follows when it has been", async () => {
    step = 2;
    prompting.addPoint({ x: 1, y: 1 }, 1);
    const painted = new Promise<void>((resolve) => (letPaint = resolve));
    paint = painted;
    await decoder.answer([3, 3, 3, 3]);
    expect(prompting.glimpse?.step).toBe(2);
    expect(document.draft?.mask).toBeNull();
    expect(prompting.isDecoding.get()).toBe(true);
    letPaint();
    await settle();
    expect(prompting.glimpse).toBeNull();
    expect(topRow()).toBe("...#..");
    expect(prompting.isDecoding.get()).toBe(false);
  });

  it("goes when the draft is abandoned before", async () => {
    step = 2;
    paint = new Promise(() => undefined);
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer([3, 3, 3, 3]);
    prompting.abandon();
    expect(prompting.glimpse).toBeNull();
    expect(document.draft).toBeNull();
  });
});

describe("a closer look", () => {
  beforeEach(() => {
    decoder.looks = [null, PART];
  });

  /** Click, and let the photo, its mirror image and the part each answer with one column. */
  const clickAndLook = async (): Promise<void> => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer([0, 1, 2, 3], 2);
    await decoder.answer([3, 3, 3, 3], 2);
    await decoder.answer([4, 4, 4, 4], 2);
  };
  const asked = () => decoder.asked.map(({ embedding, maskInput }) => [embedding.key, maskInput?.data[0] ?? null]);
  const seen = () => document.draft?.seen.map(({ embedding }) => embedding.key);

  it("betters the answer, in a mirror and then from near by, in the same step of the history", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    expect(topRow()).toBe("..#...");
    expect(prompting.closer.isUnderWay.get()).toBe(true);
    expect(prompting.isDecoding.get()).toBe(false);
    expect(decoder.asked[1]).toMatchObject({ embedding: MIRROR, maskInput: null, kept: 2 });
    await decoder.answer([3, 3, 3, 3], 2);
    expect(topRow()).toBe("...#..");
    expect(document.draft).toMatchObject({ cropBox: null, chosen: 2 });
    expect(decoder.asked[2].seen?.map(({ embedding }) => embedding)).toEqual([WHOLE, MIRROR]);
    await decoder.answer([5, 5, 5, 4], 3);
    expect(topRow()).toBe("....#.");
    expect(document.draft).toMatchObject({ cropBox: PART, chosen: 3 });
    expect(seen()).toEqual(["k", "mirror", "near"]);
    expect(prompting.closer.isUnderWay.get()).toBe(false);
    undo();
    expect(document.draft).toBeNull();
    redo();
    expect(topRow()).toBe("....#.");
    expect(looked).toEqual([null, PART]);
  });

  it.each([1, 2])("keeps the candidate that was chosen before look %i is over", async (before) => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    if (before === 2) await decoder.answer([0, 0, 2, 0], 2);
    prompting.cycleCandidate(1);
    for (let look = before; look <= 2; look++) await decoder.answer([0, 0, 0, 5], 1);
    expect(document.draft?.chosen).toBe(3);
    expect(topRow()).toBe(".....#");
    undo();
    expect(topRow()).toBe("..#...");
  });

  it("changes nothing under a hand that paints", async () => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    const draft = document.draft;
    const painted = bitmapMask(["..#..#", "......"]);
    const after = draft?.mask && noteHandEdit(draft, draft.mask, painted, { name: "paint", pixels: 1 });
    document.apply([{ kind: "draft", before: draft, after: after ?? null }], "local");
    await decoder.answer([0, 0, 0, 0]);
    expect(topRow()).toBe("..#..#");
    expect(decoder.waiting).toEqual([]);
  });

  it.each([
    ["the next prompt", () => prompting.addPoint({ x: 2, y: 1 }, 1)],
    ["the draft's end", () => prompting.abandon()],
  ])("is given up for %s", async (_, act) => {
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    const { signal } = decoder.asked[1];
    act();
    expect(signal.aborted).toBe(true);
    expect(prompting.closer.isUnderWay.get()).toBe(false);
  });

  it("is not taken while a point is dragged, but when it is let go", async () => {
    prompting.beginDrag();
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    expect(looked).toEqual([]);
    prompting.endDrag();
    expect(looked).toEqual([null]);
  });

  it("goes on in all views: at once in the nearest, from the mask of all; then in the others, each from its own", async () => {
    await clickAndLook();
    embedding = NEAR;
    prompting.addPoint({ x: 2, y: 1 }, 1);
    await decoder.answer([1, 1, 1, 1], 0);
    expect(topRow()).toBe(".#....");
    expect(seen()).toEqual(["near"]);
    await decoder.answer([2, 2, 2, 2], 0);
    expect(topRow()).toBe(".#....");
    await decoder.answer([5, 5, 5, 5], 0);
    expect(topRow()).toBe(".....#");
    expect(asked()).toEqual([
      ["k", null],
      ["mirror", null],
      ["near", null],
      ["near", 4],
      ["k", 2],
      ["mirror", 3],
    ]);
    expect(seen()).toEqual(["k", "mirror", "near"]);
    expect(looked).toEqual([null, PART]);
  });

  it("loses no view by a prompt that comes before the others have answered", async () => {
    await clickAndLook();
    embedding = NEAR;
    prompting.addPoint({ x: 2, y: 1 }, 1);
    await decoder.answer([1, 1, 1, 1], 0);
    prompting.addPoint({ x: 2, y: 0 }, 0);
    expect(asked().at(-1)).toEqual(["near", 1]);
    decoder.waiting.splice(0, decoder.waiting.length - 1);
    await decoder.answer([0, 0, 0, 0], 0);
    await decoder.answer([2, 2, 2, 2], 0);
    await decoder.answer([5, 5, 5, 5], 0);
    expect(asked().slice(-2)).toEqual([
      ["k", 2],
      ["mirror", 3],
    ]);
    expect(seen()).toEqual(["k", "mirror", "near"]);
    expect(topRow()).toBe(".....#");
  });

  it("is taken anew after a prompt beyond the part, once the photo and its mirror image have answered", async () => {
    await clickAndLook();
    embedding = MIRROR;
    prompting.addPoint({ x: 5, y: 1 }, 1);
    await decoder.answer([1, 1, 1, 1], 0);
    expect(document.draft).toMatchObject({ cropBox: null });
    await decoder.answer([2, 2, 2, 2], 0);
    expect(asked().slice(-3)).toEqual([
      ["mirror", 3],
      ["k", 2],
      ["near", null],
    ]);
    expect(looked).toEqual([null, PART, PART]);
  });

  it("leaves saved masks that are refined as they are", async () => {
    prompting.refine("m", { prompts: [{ kind: "point", point: { x: 1, y: 1 }, label: 1 }] });
    await decoder.answer();
    expect(looked).toEqual([]);
  });

  it.each([
    ["the embedding does not come", () => Promise.resolve(null)],
    ["the server refuses", () => Promise.reject(new Error("refused"))],
  ])("lets the first answer stand where %s", async (_, never) => {
    arriving = never();
    prompting.addPoint({ x: 1, y: 1 }, 1);
    await decoder.answer();
    await settle();
    expect(topRow()).toBe("..#...");
    expect(prompting.closer.isUnderWay.get()).toBe(false);
    expect(failures).toEqual([]);
    expect(decoder.asked).toHaveLength(1);
  });
});
