import { beforeEach, describe, expect, it } from "vitest";

import { bitmapMask, drawing } from "../../geometry/mask-fixtures";
import { MaskDocument } from "../../model/document";
import { strokeTarget } from "../../model/edit-target";
import { History } from "../../model/history";
import { makeRecord } from "../../model/record-fixtures";
import { MaskCommands } from "./mask-commands";
import { Painting } from "./painting";

const SIZE = { width: 4, height: 2 };
let document: MaskDocument;
let history: History;
let commands: MaskCommands;
let spareMs: number;
let labelInHand: number | null;

const takeMs = (): number => {
  const taken = spareMs;
  spareMs = 0;
  return taken;
};

beforeEach(() => {
  document = new MaskDocument();
  history = new History();
  spareMs = 0;
  labelInHand = null;
  commands = new MaskCommands(document, history, SIZE, takeMs, () => labelInHand);
});

const put = (id: string, rows: string[], fields = {}): void => {
  const after = makeRecord(id, bitmapMask(rows), fields);
  document.apply([{ kind: "mask", id, before: null, after }], "remote");
};
const rowsOf = (id: string): string[] | null => {
  const record = document.get(id);
  return record ? drawing(record.mask) : null;
};

describe("time at work", () => {
  const times = (): (number | undefined)[] => ["a", "b", "c"].map((id) => document.get(id)?.activeMs);

  it("goes to the suggestions that were accepted, in equal shares, and not to labels or rejected ones", () => {
    for (const id of ["a", "b", "c"]) put(id, ["##..", "...."], { state: "suggestion" });
    spareMs = 4000;
    commands.label(["a"], 3);
    commands.decide(["c"], false);
    expect([times(), spareMs]).toEqual([[0, 0, 0], 4000]);
    commands.decide(["a", "b"], true);
    expect([times(), spareMs]).toEqual([[2000, 2000, 0], 0]);
    document.apply(history.undo(), "local");
    expect(times()).toEqual([0, 0, 0]);
  });

  it("goes to the mask that was mended, on top of what it took before", () => {
    put("a", ["###.", "#.#."], { activeMs: 500 });
    spareMs = 1500;
    put("b", ["...#", "...."]);
    commands.combine(["a", "b"], "union");
    expect(document.get("a")?.activeMs).toBe(2000);
  });
});

describe("mask commands", () => {
  it("merge into the first and undo as one step", () => {
    put("a", ["##..", "...."]);
    put("b", ["..##", "...."]);
    commands.combine(["a", "b"], "union");
    expect([rowsOf("a"), rowsOf("b")]).toEqual([["####", "...."], null]);
    expect(document.get("a")?.area).toBe(4);
    document.apply(history.undo(), "local");
    expect([rowsOf("a"), rowsOf("b")]).toEqual([
      ["##..", "...."],
      ["..##", "...."],
    ]);
  });

  it("make a mended suggestion an annotation, and a suggestion again when undone", () => {
    put("a", ["##..", "...."], { state: "suggestion", source: "suggestion" });
    put("b", ["..##", "...."]);
    commands.combine(["a", "b"], "union");
    expect(document.get("a")).toMatchObject({ state: "accepted", source: "suggestion" });
    expect(document.get("a")?.provenance.edits).toEqual(["union"]);
    document.apply(history.undo(), "local");
    expect(document.get("a")?.state).toBe("suggestion");
  });

  it("subtract leaves the others, intersect keeps what all share", () => {
    put("a", ["###.", "...."]);
    put("b", [".###", "...."]);
    commands.combine(["a", "b"], "subtract");
    expect([rowsOf("a"), rowsOf("b")]).toEqual([
      ["#...", "...."],
      [".###", "...."],
    ]);
    put("c", ["..##", "...."]);
    commands.combine(["b", "c"], "intersect");
    expect(rowsOf("b")).toEqual(["..##", "...."]);
  });

  it("leave locked masks alone", () => {
    put("a", ["##..", "...."], { isLocked: true });
    commands.label(["a"], 5);
    commands.delete(["a"]);
    expect(document.get("a")?.labelId).toBeNull();
    expect(history.undoName).toBeNull();
    commands.setLocked(["a"], false);
    commands.label(["a"], 5);
    expect(document.get("a")?.labelId).toBe(5);
  });

  it("split along a line that need not reach the edge", () => {
    put("a", ["####", "####"]);
    const ids = commands.split(
      ["a"],
      [
        { x: 2, y: 0.5 },
        { x: 2, y: 1.5 },
      ],
    );
    expect(ids).toHaveLength(2);
    expect(ids.map(rowsOf).sort()).toEqual(
      [
        ["##..", "##.."],
        ["..##", "..##"],
      ].sort(),
    );
  });

  it("note what was done, and how many pixels it changed", () => {
    put("a", ["##..", "...."]);
    put("b", ["..##", "...."]);
    commands.combine(["a", "b"], "union");
    expect(document.get("a")?.provenance).toEqual({ edits: ["union"], brush_pixels: 2 });
  });

  it.each([
    ["allow", ["####", "...."], ["##..", "...."], 0],
    ["new_yields", ["..##", "...."], ["##..", "...."], 0],
    ["new_cuts", ["####", "...."], null, 1],
  ] as const)("keep to the rule of no overlap: %s", (rule, fresh, old, cutCount) => {
    put("a", ["##..", "...."]);
    const { mask, cuts } = commands.withoutOverlap(bitmapMask(["####", "...."]), rule, null);
    commands.commit("accept", cuts);
    expect(drawing(mask)).toEqual(fresh);
    expect(rowsOf("a")).toEqual(old);
    expect(cuts).toHaveLength(cutCount);
  });

  it("accept suggestions with the label in hand, unless the model gave them one", () => {
    labelInHand = 7;
    put("a", ["#...", "...."], { state: "suggestion", labelId: null });
    put("b", ["#...", "...."], { state: "suggestion", labelId: 3 });
    commands.decide(["a", "b"], true);
    expect([document.get("a")?.labelId, document.get("b")?.labelId]).toEqual([7, 3]);
  });

  it("drop the model's score of a mask that is cut, merged or smoothed", () => {
    put("a", ["##..", "...."], { predictedIou: 0.9, stabilityScore: 0.9 });
    put("b", [".##.", "...."]);
    commands.combine(["a", "b"], "subtract");
    expect(document.get("a")).toMatchObject({ predictedIou: null, stabilityScore: null });
  });

  it("accept and reject suggestions only", () => {
    put("a", ["#...", "...."], { state: "suggestion" });
    put("b", ["#...", "...."]);
    commands.decide(["a", "b"], false);
    expect([document.get("a")?.state, document.get("b")?.state]).toEqual(["rejected", "accepted"]);
  });
});

describe("painting", () => {
  const dab = (x: number, y: number) => ({ point: { x, y }, radius: 0.6 });
  const paint = (targetId: string | null): Painting =>
    new Painting({
      document,
      history,
      imageSize: SIZE,
      brushShape: "round",
      takeMs,
      labelInHand: () => labelInHand,
      target: (stroke) =>
        strokeTarget(
          {
            draft: document.draft,
            selected: targetId === null ? [] : [document.get(targetId)].flatMap((record) => record ?? []),
            find: (id) => document.get(id),
          },
          stroke,
        ),
    });

  it("stands behind a suggestion that it changes, gives it the label in hand, and drops the model's score", () => {
    put("a", ["#...", "...."], { state: "suggestion", labelId: null, predictedIou: 0.9, stabilityScore: 0.8 });
    labelInHand = 7;
    const painting = paint("a");
    painting.begin(false);
    painting.extend(dab(0.5, 0.5), dab(1.5, 0.5));
    painting.end();
    const expected = { state: "accepted", labelId: 7, predictedIou: null, stabilityScore: null };
    expect(document.get("a")).toMatchObject(expected);
  });

  it.each([
    ["erases where no mask is selected", null, {}, true, dab(0.5, 0.5), "nothing.to.erase"],
    ["changes a locked mask", "a", { isLocked: true }, false, dab(2.5, 0.5), "locked"],
    ["runs beside the photo", "a", {}, false, dab(40, 40), "outside"],
    ["paints what is painted", "a", {}, false, dab(0.5, 0.5), "there.already"],
    ["erases beside the mask", "a", {}, true, dab(2.5, 1.5), "not.there"],
  ] as const)("says why a stroke that %s changes nothing", (_, targetId, fields, isErasing, at, why) => {
    put("a", ["#...", "...."], fields);
    const painting = paint(targetId);
    painting.begin(isErasing);
    painting.extend(at, at);
    expect(painting.end()).toBe(why);
    expect(rowsOf("a")).toEqual(["#...", "...."]);
    expect(document.draft).toBeNull();
  });

  it("changes the selected mask once per stroke", () => {
    put("a", ["#...", "...."]);
    const painting = paint("a");
    painting.begin(false);
    painting.extend(dab(0.5, 0.5), dab(1.5, 0.5));
    painting.extend(dab(1.5, 0.5), dab(2.5, 0.5));
    expect(rowsOf("a")).toEqual(["#...", "...."]);
    spareMs = 700;
    painting.end();
    expect(document.get("a")?.activeMs).toBe(700);
    expect(rowsOf("a")).toEqual(["###.", "...."]);
    expect(document.get("a")?.provenance.brush_pixels).toBe(2);
    document.apply(history.undo(), "local");
    expect(rowsOf("a")).toEqual(["#...", "...."]);
    expect(history.undoName).toBeNull();
  });

  it("starts a draft where nothing is selected", () => {
    const painting = paint(null);
    painting.begin(false);
    painting.extend(dab(1.5, 1.5), dab(1.5, 1.5));
    painting.end();
    expect(document.draft?.mask && drawing(document.draft.mask)).toEqual(["....", ".#.."]);
  });

  it("deletes a mask whose last pixel was erased, and leaves no entry for a stroke beside it", () => {
    put("a", ["#...", "...."]);
    const painting = paint("a");
    painting.begin(true);
    painting.extend(dab(3.5, 1.5), dab(3.5, 1.5));
    painting.end();
    expect(history.undoName).toBeNull();
    painting.begin(true);
    painting.extend(dab(0.5, 0.5), dab(0.5, 0.5));
    painting.end();
    expect(rowsOf("a")).toBeNull();
  });

  it("forgets a cancelled stroke", () => {
    put("a", ["#...", "...."]);
    const painting = paint("a");
    painting.begin(false);
    painting.extend(dab(2.5, 0.5), dab(2.5, 0.5));
    painting.cancel();
    painting.end();
    expect(rowsOf("a")).toEqual(["#...", "...."]);
  });
});
