import { beforeEach, describe, expect, it } from "vitest";

import { drawing } from "../geometry/mask-fixtures";
import { settle } from "./fake-decoder";
import { PromptingBench, WHOLE } from "./prompting-bench";

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
    expect(bench.decoder.asked.map(({ maskInput }) => maskInput?.data[0] ?? null)).toEqual([null, 2]);
    expect(bench.decoder.asked[1].prompts).toHaveLength(2);
  });

  it("drops an answer that comes after a newer prompt", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    const late = bench.decoder.waiting.shift();
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    late?.resolve({ candidates: [], chosen: 0, decodeMs: 1, seen: [] });
    await bench.decoder.answer([5, 5, 5, 5]);
    expect(bench.topRow()).toBe(".....#");
    expect(bench.failures).toEqual([]);
  });

  it("walks the candidates without a new run, around the end, leaving out the single one", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    const seen = [1, 1, 1].map(() => (bench.prompting.cycleCandidate(1), bench.topRow()));
    expect(seen).toEqual(["...#..", ".#....", "..#..."]);
    expect(bench.decoder.asked).toHaveLength(1);
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
    bench.embedding = null;
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await settle();
    expect(bench.decoder.asked).toHaveLength(0);
    bench.embedding = WHOLE;
    bench.prompting.refresh();
    await settle();
    await bench.decoder.answer();
    expect(bench.topRow()).toBe("..#...");
  });

  it("gives logits of one crop to no other", async () => {
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer();
    bench.embedding = { ...WHOLE, key: "crop", cropBox: { x0: 0, y0: 0, x1: 3, y1: 2 } };
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    expect(bench.decoder.asked[1].maskInput).toBeNull();
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
    bench.embedding = { ...WHOLE, key: "other" };
    bench.prompting.addPoint({ x: 2, y: 1 }, 1);
    await settle();
    expect(bench.decoder.asked.map(({ kind }) => kind).filter((kind) => kind === "click")).toHaveLength(4);
    expect(bench.failures).toEqual([]);
  });
});

describe("a glimpse of the mask", () => {
  it("is painted first; the exact mask follows when it has been", async () => {
    bench.step = 2;
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    let letPaint = (): void => undefined;
    const painted = new Promise<void>((resolve) => (letPaint = resolve));
    bench.paint = painted;
    await bench.decoder.answer([3, 3, 3, 3]);
    expect(bench.prompting.glimpse?.step).toBe(2);
    expect(bench.document.draft?.mask).toBeNull();
    expect(bench.prompting.isDecoding.get()).toBe(true);
    letPaint();
    await settle();
    expect(bench.prompting.glimpse).toBeNull();
    expect(bench.topRow()).toBe("...#..");
    expect(bench.prompting.isDecoding.get()).toBe(false);
  });

  it("goes when the draft is abandoned before", async () => {
    bench.step = 2;
    bench.paint = new Promise(() => undefined);
    bench.prompting.addPoint({ x: 1, y: 1 }, 1);
    await bench.decoder.answer([3, 3, 3, 3]);
    bench.prompting.abandon();
    expect(bench.prompting.glimpse).toBeNull();
    expect(bench.document.draft).toBeNull();
  });
});
