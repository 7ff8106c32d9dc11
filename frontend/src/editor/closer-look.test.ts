import { beforeEach, describe, expect, it } from "vitest";

import { settle } from "./fake-decoder";
import { MIRROR, NEAR, PART, PromptingBench, WHOLE } from "./prompting-bench";

let bench: PromptingBench;

beforeEach(() => {
  bench = new PromptingBench();
});

describe("a closer look", () => {
  beforeEach(() => {
    bench.decoder.looks = [
      { part: null, isMirrored: true },
      { part: PART, isMirrored: false },
    ];
  });

  /** Click, and let the photo, its mirror image and the part each answer with one column. */
  const clickAndLook = async (): Promise<void> => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer([0, 1, 2, 3], 2);
    await bench.decoder.answer([3, 3, 3, 3], 2);
    await bench.decoder.answer([4, 4, 4, 4], 2);
  };
  const asked = () =>
    bench.decoder.asked.map(({ embedding, maskInput }) => [embedding.key, maskInput?.data[0] ?? null]);
  const seen = () => bench.document.draft?.seen.map(({ embedding }) => embedding.key);

  it("betters the answer, in a mirror and then from near by, in the same step of the history", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    expect(bench.topRow()).toBe("..#...");
    expect(bench.prompting.closer.isUnderWay.get()).toBe(true);
    expect(bench.prompting.isDecoding.get()).toBe(false);
    expect(bench.decoder.asked[1]).toMatchObject({ embedding: MIRROR, maskInput: null, kept: 2 });
    await bench.decoder.answer([3, 3, 3, 3], 2);
    expect(bench.topRow()).toBe("...#..");
    expect(bench.document.draft).toMatchObject({ cropBox: null, chosen: 2 });
    expect(bench.decoder.asked[2].seen?.map(({ embedding }) => embedding)).toEqual([WHOLE, MIRROR]);
    await bench.decoder.answer([5, 5, 5, 4], 3);
    expect(bench.topRow()).toBe("....#.");
    expect(bench.document.draft).toMatchObject({ cropBox: PART, chosen: 3 });
    expect(seen()).toEqual(["k", "mirror", "near"]);
    expect(bench.prompting.closer.isUnderWay.get()).toBe(false);
    bench.undo();
    expect(bench.document.draft).toBeNull();
    bench.redo();
    expect(bench.topRow()).toBe("....#.");
    expect(bench.looked).toEqual([null, PART]);
  });

  it.each([1, 2])("keeps the candidate that was chosen before look %i is over", async (before) => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    if (before === 2) await bench.decoder.answer([0, 0, 2, 0], 2);
    bench.prompting.cycleCandidate(1);
    for (let look = before; look <= 2; look++) await bench.decoder.answer([0, 0, 0, 5], 1);
    expect(bench.document.draft?.chosen).toBe(3);
    expect(bench.topRow()).toBe(".....#");
    bench.undo();
    expect(bench.topRow()).toBe("..#...");
  });

  it("changes nothing under a hand that paints", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.paintByHand(["..#..#", "......"]);
    await bench.decoder.answer([0, 0, 0, 0]);
    expect(bench.topRow()).toBe("..#..#");
    expect(bench.decoder.waiting).toEqual([]);
  });

  it.each([
    ["the next prompt", () => bench.prompting.addPoint({ x: 2, y: 1 }, 1)],
    ["the draft's end", () => bench.prompting.abandon()],
  ])("is given up for %s", async (_, act) => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    const { signal } = bench.decoder.asked[1];
    act();
    expect(signal.aborted).toBe(true);
    expect(bench.prompting.closer.isUnderWay.get()).toBe(false);
  });

  it("is not taken while a point is dragged, but when it is let go", async () => {
    bench.prompting.beginDrag();
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    expect(bench.looked).toEqual([]);
    bench.prompting.endDrag();
    expect(bench.looked).toEqual([null]);
  });

  it("goes on in all views: at once in the nearest, from the mask of all; then in the others, each from its own", async () => {
    await clickAndLook();
    bench.embedding = NEAR;
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    await bench.decoder.answer([1, 1, 1, 1], 0);
    expect(bench.topRow()).toBe(".#....");
    expect(seen()).toEqual(["near"]);
    await bench.decoder.answer([2, 2, 2, 2], 0);
    expect(bench.topRow()).toBe(".#....");
    await bench.decoder.answer([5, 5, 5, 5], 0);
    expect(bench.topRow()).toBe(".....#");
    expect(asked()).toEqual([
      ["k", null],
      ["mirror", null],
      ["near", null],
      ["near", 4],
      ["k", 2],
      ["mirror", 3],
    ]);
    expect(seen()).toEqual(["k", "mirror", "near"]);
    expect(bench.looked).toEqual([null, PART]);
  });

  it("loses no view by a prompt that comes before the others have answered", async () => {
    await clickAndLook();
    bench.embedding = NEAR;
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    await bench.decoder.answer([1, 1, 1, 1], 0);
    bench.prompting.addPoint({ x: 2, y: 0 }, 0);
    expect(asked().at(-1)).toEqual(["near", 1]);
    bench.decoder.waiting.splice(0, bench.decoder.waiting.length - 1);
    await bench.decoder.answer([0, 0, 0, 0], 0);
    await bench.decoder.answer([2, 2, 2, 2], 0);
    await bench.decoder.answer([5, 5, 5, 5], 0);
    expect(asked().slice(-2)).toEqual([
      ["k", 2],
      ["mirror", 3],
    ]);
    expect(seen()).toEqual(["k", "mirror", "near"]);
    expect(bench.topRow()).toBe(".....#");
  });

  it("is taken anew after a prompt beyond the part, once the photo and its mirror image have answered", async () => {
    await clickAndLook();
    bench.embedding = MIRROR;
    bench.prompting.addPoint({ x: 5, y: 1 }, 1);
    await bench.decoder.answer([1, 1, 1, 1], 0);
    expect(bench.document.draft).toMatchObject({ cropBox: null });
    await bench.decoder.answer([2, 2, 2, 2], 0);
    expect(asked().slice(-3)).toEqual([
      ["mirror", 3],
      ["k", 2],
      ["near", null],
    ]);
    expect(bench.looked).toEqual([null, PART, PART]);
  });

  it("leaves saved masks that are refined as they are", async () => {
    bench.prompting.refine("m", { prompts: [{ kind: "point", point: { x: 1, y: 1 }, label: 1 }] });
    await bench.decoder.answer();
    expect(bench.looked).toEqual([]);
  });

  it.each([
    ["the bench.embedding does not come", () => Promise.resolve(null)],
    ["the server refuses", () => Promise.reject(new Error("refused"))],
  ])("lets the first answer stand where %s", async (_, never) => {
    bench.arriving = never();
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    await settle();
    expect(bench.topRow()).toBe("..#...");
    expect(bench.prompting.closer.isUnderWay.get()).toBe(false);
    expect(bench.failures).toEqual([]);
    expect(bench.decoder.asked).toHaveLength(1);
  });
});

describe("second thoughts", () => {
  beforeEach(() => {
    bench.decoder.looks = [{ part: null, isMirrored: true }];
    bench.decoder.thinksAgain = true;
  });

  /** Click, and let the photo and its mirror image answer; the second candidate is shown. */
  const clickAndLook = async (): Promise<void> => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer([0, 1, 2, 3], 2);
    expect(bench.decoder.thinking).toEqual([]);
    await bench.decoder.answer([0, 1, 3, 4], 2);
  };

  it("follow all looks, and better what is shown in the same step of the history", async () => {
    await clickAndLook();
    expect(bench.prompting.closer.isUnderWay.get()).toBe(true);
    expect(bench.decoder.thinking[0].answered).toBe(bench.document.draft);
    await bench.decoder.think([0, 1, 4, 2], 2);
    expect(bench.topRow()).toBe("....#.");
    expect(bench.decoder.thinking[0].answered).toBe(bench.document.draft);
    await bench.decoder.think([0, 1, 5, 2], 2);
    expect(bench.topRow()).toBe(".....#");
    expect(bench.decoder.thinking).toEqual([]);
    expect(bench.prompting.closer.isUnderWay.get()).toBe(false);
    bench.prompting.cycleCandidate(1);
    expect(bench.topRow()).toBe("..#...");
    bench.undo();
    expect(bench.topRow()).toBe(".....#");
    bench.undo();
    expect(bench.document.draft).toBeNull();
  });

  it("know what a person chose before them", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer([0, 1, 2, 3], 2);
    bench.prompting.cycleCandidate(1);
    await bench.decoder.answer([0, 1, 3, 4], 2);
    await bench.decoder.think([0, 4, 5, 5], 2);
    expect(bench.topRow()).toBe("....#.");
  });

  it("know what a person chooses meanwhile, which may get another name", async () => {
    await clickAndLook();
    bench.prompting.cycleCandidate(1);
    await bench.decoder.think([0, 4, 5, 5], 2);
    expect(bench.topRow()).toBe("....#.");
    expect(bench.decoder.thinking[0].answered).toMatchObject({ chosen: 1, isChosenByHand: true });
    bench.prompting.cycleCandidate(1);
    expect(bench.topRow()).toBe(".....#");
  });

  it.each([
    ["paints", () => bench.paintByHand(["#..#..", "......"])],
    ["takes the click back", () => bench.undo()],
  ])("change nothing for a person who %s meanwhile", async (_, act) => {
    await clickAndLook();
    act();
    const { draft } = bench.document;
    await bench.decoder.think([0, 5, 5, 5], 2);
    expect(bench.document.draft).toBe(draft);
  });

  it("are given up for the next prompt", async () => {
    await clickAndLook();
    const [{ signal }] = bench.decoder.thinking;
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    expect(signal.aborted).toBe(true);
    await bench.decoder.think([5, 5, 5, 5], 2);
    expect(bench.topRow()).not.toBe(".....#");
  });
});
