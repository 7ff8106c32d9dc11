import { beforeEach, describe, expect, it } from "vitest";

import { emptyMask } from "../../geometry/column-mask";
import { drawing } from "../../geometry/mask-fixtures";
import { slimDraft } from "../../model/draft";
import type { EmbeddingRef } from "../../model/embedding-views";
import { settle } from "./fake-decoder";
import { FLIPPED, NEAR, PART, PromptingBench, WHOLE } from "./prompting-bench";

const LATE = { engine: "wasm", sampled: { mask: emptyMask({ width: 6, height: 2 }), step: 1 }, mask: null } as const;
let bench: PromptingBench;

beforeEach(() => {
  bench = new PromptingBench();
});

describe("prompting", () => {
  it("shows the chosen candidate's mask", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    expect(bench.prompting.isDecoding.get()).toBe(true);
    await bench.decoder.answer();
    expect(bench.topRow()).toBe("..#...");
    expect(bench.prompting.isDecoding.get()).toBe(false);
  });

  it("refines with the logits shown last", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.prompting.addPoint({ x: 2, y: 1 }, 0);
    expect(bench.decoder.asked.map(({ starts }) => starts.at(0)?.logits.data[0] ?? null)).toEqual([null, 2]);
    expect(bench.decoder.asked[1].prompts).toHaveLength(2);
  });

  it("drops an answer that comes after a newer prompt", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    const late = bench.decoder.waiting.shift();
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    late?.resolve({ ...LATE, candidates: [], chosen: 0, decodeMs: 1, decodedViews: [] });
    await bench.decoder.answer([5, 5, 5, 5]);
    expect(bench.topRow()).toBe(".....#");
    expect(bench.failures).toEqual([]);
  });

  it("walks the candidates without a new run, around the end, leaving out the single one", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    const seen: (string | null)[] = [];
    for (let i = 0; i < 3; i++) {
      bench.prompting.cycleCandidate(1);
      await settle();
      seen.push(bench.topRow());
    }
    expect(seen).toEqual(["...#..", ".#....", "..#..."]);
    expect(bench.decoder.asked).toHaveLength(1);
  });

  it("gives every candidate its own mask, however fast one walks and goes back", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.prompting.cycleCandidate(1);
    bench.prompting.cycleCandidate(1);
    bench.undo();
    expect(bench.prompting.choosing.get()).toBe(2);
    await settle();
    expect(bench.prompting.choosing.get()).toBe(0);
    expect([bench.document.draft?.chosen, bench.topRow()]).toEqual([3, "...#.."]);
    bench.redo();
    expect([bench.document.draft?.chosen, bench.topRow()]).toEqual([1, ".#...."]);
    bench.undo();
    bench.undo();
    expect(bench.topRow()).toBe("..#...");
  });

  it("undoes and redoes prompts together with their answers, without a new run", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    await bench.decoder.answer([4, 4, 4, 4]);
    bench.undo();
    expect(bench.topRow()).toBe("..#...");
    bench.undo();
    expect(bench.document.draft).toBeNull();
    bench.redo();
    bench.redo();
    expect(bench.topRow()).toBe("....#.");
    expect(bench.decoder.asked).toHaveLength(2);
  });

  it("makes one entry of dragging a point", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.prompting.beginDrag();
    bench.prompting.dragPoint(0, { x: 2, y: 1 });
    bench.prompting.dragPoint(0, { x: 3, y: 1 });
    bench.prompting.endDrag();
    await settle();
    bench.decoder.waiting.splice(0, bench.decoder.waiting.length - 1);
    await bench.decoder.answer([5, 5, 5, 5]);
    expect(bench.topRow()).toBe(".....#");
    bench.undo();
    expect(bench.document.draft?.prompts).toEqual([{ kind: "point", point: { x: 1, y: 1 }, label: 1 }]);
    expect(bench.topRow()).toBe("..#...");
  });

  it("keeps what was painted by hand when the model answers anew", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.paintByHand(["..#..#", "......"]);
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    await bench.decoder.answer([0, 0, 0, 0]);
    expect(bench.topRow()).toBe("#....#");
  });

  it("waits for an embedding that is not there yet", async () => {
    bench.views = [];
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await settle();
    expect(bench.decoder.asked).toHaveLength(0);
    bench.views = [WHOLE];
    bench.prompting.refresh();
    await settle();
    await bench.decoder.answer();
    expect(bench.topRow()).toBe("..#...");
  });

  it("goes on in every view from what it gave for the candidate that is shown", async () => {
    bench.views = [WHOLE, FLIPPED, NEAR];
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.prompting.cycleCandidate(1);
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    expect(bench.document.draft?.cropBox).toEqual(PART);
    const starts = bench.decoder.asked[1].starts.map(({ cropBox, isFlipped, logits }) => [
      cropBox,
      isFlipped,
      logits.data[0],
    ]);
    expect(starts).toEqual([
      [null, false, 3],
      [null, true, 13],
      [PART, false, 23],
    ]);
  });

  it("tells what was shown before one more click, and nothing when a point is moved or a box is drawn", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.prompting.addPoint({ x: 2, y: 1 }, 0);
    await bench.decoder.answer();
    bench.prompting.dragPoint(1, { x: 3, y: 1 });
    await bench.decoder.answer();
    bench.prompting.setBox({ x0: 0, y0: 0, x1: 2, y1: 2 });
    const before = bench.decoder.asked.map(({ before: shown }) => shown && [shown.cropBox, shown.logits.data[0]]);
    expect(before).toEqual([null, [null, 2], null, null]);
  });

  it("changes nothing by itself once an answer is painted, whatever becomes ready", async () => {
    bench.decoder.crop = PART;
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    const { draft } = bench.document;
    bench.views = [WHOLE, FLIPPED, NEAR];
    await settle();
    expect(bench.document.draft).toBe(draft);
    expect(bench.decoder.asked).toHaveLength(1);
    expect(bench.fetched).toEqual([]);
  });

  it("leaves the mask as it was where a draft far back in the history gets its candidates again", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    const { draft } = bench.document;
    bench.document.apply([{ kind: "draft", before: draft, after: draft && slimDraft(draft) }], "local");
    bench.prompting.refresh();
    await bench.decoder.answer([5, 5, 5, 5], 3);
    expect(bench.topRow()).toBe("..#...");
    expect(bench.document.draft?.mask).toBe(draft?.mask);
    bench.prompting.chooseCandidate(1);
    await settle();
    expect(bench.topRow()).toBe(".....#");
  });

  it("tells of a failure and keeps the prompts", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    bench.decoder.waiting.shift()?.reject(new Error("broken"));
    await settle();
    expect(bench.failures).toEqual([new Error("broken")]);
    expect(bench.document.draft?.prompts).toHaveLength(1);
  });

  it("previews under the cursor, one question at a time, and not while there is a draft", async () => {
    bench.prompting.hover({ x: 1, y: 1 });
    bench.prompting.hover({ x: 2, y: 1 });
    bench.prompting.hover({ x: 3, y: 1 });
    expect(bench.decoder.asked).toHaveLength(1);
    await bench.decoder.answer();
    expect(bench.decoder.asked[1].prompts).toMatchObject([{ point: { x: 3, y: 1 } }]);
    await bench.decoder.answer();
    expect(bench.prompting.hoverMask && drawing(bench.prompting.hoverMask.mask)[0]).toBe("..#...");
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    expect(bench.prompting.hoverMask).toBeNull();
    bench.prompting.hover({ x: 4, y: 1 });
    expect(bench.decoder.asked.filter(({ kind }) => kind === "hover")).toHaveLength(2);
  });

  it("gives a click the answer that its preview had, or will have", async () => {
    bench.prompting.hover({ x: 1, y: 1 });
    await bench.decoder.answer();
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await settle();
    expect(bench.topRow()).toBe("..#...");
    bench.prompting.abandon();
    bench.prompting.hover({ x: 3, y: 1 });
    bench.prompting.addPoint({ x: 3, y: 1 }, 1);
    await bench.decoder.answer([4, 4, 4, 4]);
    expect(bench.topRow()).toBe("....#.");
    expect(bench.decoder.asked.map(({ kind }) => kind)).toEqual(["hover", "hover"]);
  });

  it("asks anew where the preview failed, was elsewhere, was of another embedding or the click is a background one", async () => {
    bench.prompting.hover({ x: 1, y: 1 });
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    bench.decoder.waiting.shift()?.reject(new Error("stale"));
    await settle();
    await bench.decoder.answer();
    expect(bench.topRow()).toBe("..#...");
    bench.prompting.abandon();
    bench.prompting.hover({ x: 2, y: 1 });
    await bench.decoder.answer();
    bench.prompting.addPoint({ x: 3, y: 1 }, 1);
    bench.prompting.abandon();
    bench.prompting.hover({ x: 2, y: 1 });
    await bench.decoder.answer();
    bench.prompting.addPoint({ x: 2, y: 1 }, 0);
    bench.prompting.abandon();
    bench.prompting.hover({ x: 2, y: 1 });
    await settle();
    bench.decoder.waiting.splice(0, bench.decoder.waiting.length - 1);
    await bench.decoder.answer();
    bench.views = [{ ...WHOLE, key: "other" }];
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    await settle();
    expect(bench.decoder.asked.map(({ kind }) => kind).filter((kind) => kind === "click")).toHaveLength(4);
    expect(bench.failures).toEqual([]);
  });
});

describe("a sampled mask", () => {
  it("is painted first; the exact mask follows when it has been", async () => {
    bench.step = 2;
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    let letPaint = (): void => undefined;
    const painted = new Promise<void>((resolve) => (letPaint = resolve));
    bench.paint = painted;
    await bench.decoder.answer([3, 3, 3, 3]);
    expect(bench.prompting.sampled?.step).toBe(2);
    expect(bench.document.draft?.mask).toBeNull();
    expect(bench.prompting.isDecoding.get()).toBe(true);
    letPaint();
    await settle();
    expect(bench.prompting.sampled).toBeNull();
    expect(bench.topRow()).toBe("...#..");
    expect(bench.prompting.isDecoding.get()).toBe(false);
  });

  it("goes when the draft is abandoned before", async () => {
    bench.step = 2;
    bench.paint = new Promise(() => undefined);
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer([3, 3, 3, 3]);
    bench.prompting.abandon();
    expect(bench.prompting.sampled).toBeNull();
    expect(bench.document.draft).toBeNull();
  });
});

describe("sharpening", () => {
  const click = async (): Promise<void> => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
  };

  beforeEach(() => {
    bench.decoder.crop = PART;
  });

  it("asks the same prompts again with the crop around the answer, as one step, for the candidate that is shown", async () => {
    await click();
    bench.prompting.cycleCandidate(1);
    bench.prompting.sharpen();
    expect(bench.prompting.sharpening.isUnderWay.get()).toBe(true);
    await settle();
    expect(bench.fetched).toEqual([
      { box: PART, isFlipped: false },
      { box: PART, isFlipped: true },
    ]);
    expect(bench.topRow()).toBe("...#..");
    expect(bench.decoder.asked[1]).toMatchObject({ starts: [], prompts: bench.decoder.asked[0].prompts });
    expect(bench.decoder.asked[1].views.map(({ key }) => key)).toEqual(["k", "near", "near flipped"]);
    await bench.decoder.answer([0, 0, 0, 4], 1);
    expect(bench.topRow()).toBe("....#.");
    expect(bench.document.draft?.chosen).toBe(3);
    bench.undo();
    expect(bench.topRow()).toBe("...#..");
    bench.redo();
    expect(bench.topRow()).toBe("....#.");
  });

  it("says so where there is no more to see, or the crop does not come, and leaves the mask", async () => {
    await click();
    bench.decoder.crop = null;
    bench.prompting.sharpen();
    await settle();
    bench.decoder.crop = PART;
    bench.arriving = () => Promise.resolve(null);
    bench.prompting.sharpen();
    await settle();
    bench.arriving = () => Promise.reject(new Error("refused"));
    bench.prompting.sharpen();
    await settle();
    expect(bench.nothing).toEqual(["detail", "late", "late"]);
    expect(bench.topRow()).toBe("..#...");
    expect(bench.prompting.sharpening.isUnderWay.get()).toBe(false);
  });

  it.each([
    ["the next prompt", () => bench.prompting.addPoint({ x: 2, y: 1 }, 1)],
    ["the draft's end", () => bench.prompting.abandon()],
  ])("is given up for %s", async (_, act) => {
    let arrive: (view: EmbeddingRef) => void = () => undefined;
    bench.arriving = () => new Promise((resolve) => (arrive = resolve));
    await click();
    bench.prompting.sharpen();
    act();
    const { draft } = bench.document;
    arrive(NEAR);
    await settle();
    expect(bench.document.draft).toBe(draft);
    expect(bench.prompting.sharpening.isUnderWay.get()).toBe(false);
    expect(bench.nothing).toEqual([]);
  });
});
