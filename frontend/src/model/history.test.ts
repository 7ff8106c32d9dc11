import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bitmapMask } from "../geometry/mask-fixtures";
import { MaskDocument, type Change } from "./document";
import { addPoint, EMPTY_DRAFT } from "./draft";
import { History, squash } from "./history";
import { makeRecord } from "./record-fixtures";

const record = (id: string, labelId: number) => makeRecord(id, bitmapMask(["#"]), { labelId });

/** A document and a history that do everything together, as the editor does. */
class Bench {
  readonly document = new MaskDocument();
  readonly history = new History();

  set(id: string, labelId: number | null): void {
    const before = this.document.get(id) ?? null;
    const after = labelId === null ? null : record(id, labelId);
    if (!before && !after) return;
    const change: Change = { kind: "mask", id, before, after };
    this.document.apply([change], "local");
    this.history.record("edit", [change]);
  }

  undo(): void {
    this.document.apply(this.history.undo(), "local");
  }

  redo(): void {
    this.document.apply(this.history.redo(), "local");
  }

  state(): string {
    return JSON.stringify(
      this.document
        .all()
        .map(({ id, labelId }) => [id, labelId])
        .sort(),
    );
  }
}

const edits = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.option(fc.integer({ min: 1, max: 5 }))), {
  maxLength: 20,
});

describe("history", () => {
  it("undoes everything to the start and redoes everything to the end", () => {
    fc.assert(
      fc.property(edits, (list) => {
        const bench = new Bench();
        const states = list.map(([id, labelId]) => (bench.set(id, labelId), bench.state()));
        list.forEach(() => bench.undo());
        expect(bench.state()).toBe("[]");
        list.forEach(() => bench.redo());
        expect(bench.state()).toBe(states.at(-1) ?? "[]");
      }),
    );
  });

  it("makes one entry of a gesture, however many changes it has", () => {
    fc.assert(
      fc.property(edits, edits, (first, gesture) => {
        const bench = new Bench();
        for (const [id, labelId] of first) bench.set(id, labelId);
        const before = bench.state();
        bench.history.begin("stroke");
        for (const [id, labelId] of gesture) bench.set(id, labelId);
        bench.history.commit();
        const after = bench.state();
        if (bench.history.undoName === "stroke") {
          bench.undo();
          expect(bench.state()).toBe(before);
          bench.redo();
        }
        expect(bench.state()).toBe(after);
      }),
    );
  });

  it("forgets what was undone once something new is done", () => {
    const bench = new Bench();
    bench.set("a", 1);
    bench.undo();
    bench.set("b", 1);
    bench.redo();
    expect(bench.state()).toBe('[["b",1]]');
  });

  it("takes an abandoned gesture back and leaves no entry", () => {
    const bench = new Bench();
    bench.set("a", 1);
    bench.history.begin("stroke");
    bench.set("a", 2);
    bench.document.apply(bench.history.abandon(), "local");
    expect(bench.state()).toBe('[["a",1]]');
    expect(bench.history.undoName).toBe("edit");
  });

  it("puts a late answer into the entry that asked", () => {
    const history = new History();
    const asked = addPoint(EMPTY_DRAFT, { x: 1, y: 1 }, 1);
    const shown = { ...asked, mask: bitmapMask(["#"]) };
    history.record("prompt", [{ kind: "draft", before: null, after: asked }]);
    history.amend(asked, shown);
    history.undo();
    expect(history.redo()).toEqual([{ kind: "draft", before: null, after: shown }]);
  });

  it("takes an answer in after later steps, and while it is undone", () => {
    const history = new History();
    const asked = addPoint(EMPTY_DRAFT, { x: 1, y: 1 }, 1);
    const shown = { ...asked, mask: bitmapMask(["#"]) };
    const later = { ...asked, chosen: 1 };
    history.record("prompt", [{ kind: "draft", before: null, after: asked }]);
    history.record("candidate", [{ kind: "draft", before: asked, after: later }]);
    history.undo();
    history.amend(asked, shown);
    expect(history.redo()).toEqual([{ kind: "draft", before: shown, after: later }]);
    history.undo();
    expect(history.undo()).toEqual([{ kind: "draft", before: shown, after: null }]);
  });
});

it("squashes changes of one thing to the first before and the last after", () => {
  const [one, two] = [record("a", 1), record("a", 2)];
  const changes: Change[] = [
    { kind: "mask", id: "a", before: null, after: one },
    { kind: "mask", id: "a", before: one, after: two },
  ];
  expect(squash(changes)).toEqual([{ kind: "mask", id: "a", before: null, after: two }]);
  expect(squash([...changes, { kind: "mask", id: "a", before: two, after: null }])).toEqual([]);
});
