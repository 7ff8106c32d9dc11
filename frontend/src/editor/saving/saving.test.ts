import { beforeEach, describe, expect, it } from "vitest";

import type { ImageOutbox, NewOperation } from "../../api/image-outbox";
import type { JournalEntry } from "../../api/journal";
import { wireFields, type AnnotationRow, type OperationResult, type WireFields } from "../../api/wire";
import { bitmapMask, drawing } from "../../geometry/mask-fixtures";
import { MaskDocument } from "../../model/document";
import type { Conflict } from "../../model/workspace";
import { Saving } from "./saving";

type Queued = NewOperation;

const countsOf = (rows: string[]): string => wireFields({ mask: bitmapMask(rows) }).counts ?? "";
const row = (id: string, fields: Partial<AnnotationRow> = {}): AnnotationRow => ({
  id,
  image_id: 1,
  label_id: 1,
  counts: countsOf(["#..", "..."]),
  size: [2, 3],
  source: "manual",
  state: "accepted",
  predicted_iou: null,
  stability_score: null,
  provenance: {},
  attributes: {},
  z_order: 1,
  is_locked: false,
  revision: 1,
  author: { id: 9, name: "Other" },
  active_ms: 0,
  created_at: "2026-01-01T00:00:00Z",
  ...fields,
});

let document: MaskDocument;
let saving: Saving;
let queued: Queued[];
let pending: Set<string>;
let conflicts: Conflict[];
let unparked: string[];
let merged: string[];
/** What the server remembers of revision 1 of mask "a"; null: it cannot be reached. */
let remembered: AnnotationRow | null;

beforeEach(() => {
  document = new MaskDocument();
  queued = [];
  pending = new Set();
  conflicts = [];
  unparked = [];
  merged = [];
  remembered = null;
  const outbox = {
    enqueue: (operation: Queued) => {
      queued.push(operation);
      return Promise.resolve();
    },
    isPending: (id: string) => pending.has(id),
    unpark: (id: string, settle: () => void) => {
      unparked.push(id);
      settle();
      return Promise.resolve();
    },
    noteRevision: () => undefined,
  } as unknown as ImageOutbox;
  const events = {
    onConflict: (conflict: Conflict) => void conflicts.push(conflict),
    onMerged: (name: string) => void merged.push(name),
    onStorageFailed: () => undefined,
  };
  saving = new Saving(
    document,
    () => outbox,
    events,
    (id, revision) =>
      remembered && id === "a" && revision === 1 ? Promise.resolve(remembered) : Promise.reject(new Error("offline")),
  );
});

const relabel = (id: string, labelId: number): void => {
  const before = document.get(id) ?? null;
  if (before) document.apply([{ kind: "mask", id, before, after: { ...before, labelId } }], "local");
};
const mine = (id: string, fields: WireFields, type: Queued["type"] = "update"): JournalEntry => ({
  sequence: 1,
  imageId: 1,
  operation: { op_id: "o", type, annotation_id: id, base_revision: 1, fields },
});
const lost = (annotation: AnnotationRow | null): OperationResult => ({
  op_id: "o",
  status: "conflict",
  annotation,
  code: "revision",
  message: "",
});

describe("saving", () => {
  it("sends only what changed, and once per gesture", () => {
    saving.load([row("a")]);
    relabel("a", 2);
    relabel("a", 3);
    saving.flush();
    expect(queued).toEqual([{ type: "update", annotation_id: "a", fields: { label_id: 3 } }]);
  });

  it("takes the server's row of a mask with unsent changes of an earlier visit before it shows those", () => {
    pending.add("a");
    saving.load([row("a", { label_id: 9, revision: 2 })]);
    saving.showReplayed([mine("a", { label_id: 4 })], [2, 3]);
    const shown = document.get("a");
    expect([shown?.labelId, shown && drawing(shown.mask)]).toEqual([4, ["#..", "..."]]);
    saving.load([row("a", { label_id: 8, revision: 3 })]);
    expect(document.get("a")?.labelId).toBe(4);
  });

  it("sends nothing for what came back to where it was", () => {
    saving.load([row("a")]);
    relabel("a", 2);
    relabel("a", 1);
    saving.flush();
    expect(queued).toEqual([]);
  });

  it("brings a deleted mask back as a restore, not as a new one", () => {
    saving.load([row("a")]);
    const record = document.get("a") ?? null;
    document.apply([{ kind: "mask", id: "a", before: record, after: null }], "local");
    saving.flush();
    document.apply([{ kind: "mask", id: "a", before: null, after: record }], "local");
    saving.flush();
    expect(queued.map(({ type }) => type)).toEqual(["delete", "restore"]);
  });

  it("takes in what others did, but not over one's own unsent work", () => {
    saving.load([row("a"), row("b")]);
    relabel("a", 2);
    saving.load([row("a", { label_id: 7, revision: 2 }), row("c")]);
    expect(document.get("a")?.labelId).toBe(2);
    expect(document.get("b")).toBeUndefined();
    expect(document.get("c")?.labelId).toBe(1);
  });

  it("merges changes of different things", () => {
    saving.load([row("a")]);
    const fields = { counts: countsOf(["##.", "..."]) };
    const { mask } = { mask: bitmapMask(["##.", "..."]) };
    const before = document.get("a");
    if (before) document.apply([{ kind: "mask", id: "a", before, after: { ...before, mask } }], "local");
    saving.flush();
    saving.onConflict([mine("a", fields)], lost(row("a", { label_id: 5, revision: 2 })));
    const shown = document.get("a");
    expect(conflicts).toEqual([]);
    expect(shown?.labelId).toBe(5);
    expect(shown && drawing(shown.mask)[0]).toBe("##.");
    expect(queued.at(-1)).toEqual({ type: "update", annotation_id: "a", fields });
    expect(merged).toEqual(["Other"]);
  });

  it("asks when both changed the same thing", () => {
    saving.load([row("a")]);
    relabel("a", 2);
    saving.flush();
    saving.onConflict([mine("a", { label_id: 2 })], lost(row("a", { label_id: 5, revision: 2 })));
    expect(unparked).toEqual([]);
    expect(conflicts).toHaveLength(1);
    expect([conflicts[0].mine?.labelId, conflicts[0].theirs?.labelId, conflicts[0].theirName]).toEqual([2, 5, "Other"]);
    expect(document.get("a")?.labelId).toBe(2);
  });

  it("has nothing to ask when both deleted it, or both did the same", () => {
    saving.load([row("a"), row("b")]);
    const record = document.get("a") ?? null;
    document.apply([{ kind: "mask", id: "a", before: record, after: null }], "local");
    saving.onConflict([mine("a", {}, "delete")], lost(row("a", { deleted_at: "2026-01-02T00:00:00Z", revision: 2 })));
    relabel("b", 2);
    saving.onConflict([mine("b", { label_id: 2 })], lost(row("b", { label_id: 2, revision: 2 })));
    expect(conflicts).toEqual([]);
    expect(unparked).toEqual(["a", "b"]);
    expect(queued).toEqual([]);
  });

  const loseAfterReload = async (theirs: string[], own: string[]): Promise<void> => {
    const there = row("a", { revision: 2, counts: countsOf(theirs) });
    const entry = mine("a", { counts: countsOf(own) });
    saving.load([there]);
    saving.showReplayed([entry], [2, 3]);
    saving.onConflict([entry], lost(there));
    await new Promise((resolve) => setTimeout(resolve));
  };

  it("merges edits of different regions of one mask, after a reload as well", async () => {
    remembered = row("a");
    await loseAfterReload(["#.#", "..."], ["#..", "#.."]);
    expect(conflicts).toEqual([]);
    const both = document.get("a");
    expect(both && drawing(both.mask)).toEqual(["#.#", "#.."]);
    expect(queued.at(-1)?.fields).toEqual({ counts: countsOf(["#.#", "#.."]) });
  });

  it("asks when both edited one region, or when it cannot be known what one began with", async () => {
    remembered = row("a", { counts: countsOf(["...", "..#"]) });
    await loseAfterReload(["..#", "..."], ["##.", "..."]);
    expect(conflicts.map(({ mine: kept }) => kept && drawing(kept.mask)[0])).toEqual(["##."]);
    remembered = null;
    await loseAfterReload(["..#", "..."], ["##.", "..."]);
    expect(conflicts).toHaveLength(2);
    expect(unparked).toEqual([]);
  });

  it.each([
    ["mine", 2, [{ type: "update", annotation_id: "a", fields: { label_id: 2 } }]],
    ["theirs", 5, []],
  ] as const)("settles a race as %s", (choice, label, sent) => {
    saving.load([row("a")]);
    relabel("a", 2);
    saving.flush();
    queued.length = 0;
    saving.onConflict([mine("a", { label_id: 2 })], lost(row("a", { label_id: 5, revision: 2 })));
    const { theirs } = conflicts[0];
    saving.settle("a", theirs, choice === "mine" ? (document.get("a") ?? null) : theirs);
    expect(document.get("a")?.labelId).toBe(label);
    expect(queued).toEqual(sent);
  });

  it("shows after a crash what the journal still held", () => {
    saving.load([row("a"), row("b")]);
    const entries = [
      mine("a", { label_id: 4 }),
      mine("b", {}, "delete"),
      mine("n", { counts: countsOf(["...", "###"]), label_id: 2 }, "create"),
    ];
    saving.showReplayed(entries, [2, 3]);
    expect(document.get("a")?.labelId).toBe(4);
    expect(document.get("b")).toBeUndefined();
    const fresh = document.get("n");
    expect(fresh && drawing(fresh.mask)).toEqual(["...", "###"]);
    saving.flush();
    expect(queued).toEqual([]);
  });

  it("shows all that the journal held of one mask, whatever others made of it meanwhile", () => {
    saving.load([row("a", { label_id: 9, revision: 2 })]);
    saving.showReplayed([mine("a", { label_id: 4 }), mine("a", { counts: countsOf(["###", "..."]) })], [2, 3]);
    const shown = document.get("a");
    expect([shown?.labelId, shown && drawing(shown.mask)[0]]).toEqual([4, "###"]);
  });

  it("falls back to the server's row when a refused change is dropped", () => {
    saving.load([row("a")]);
    relabel("a", 99);
    saving.flush();
    saving.onDropped("a");
    expect(document.get("a")?.labelId).toBe(1);
    saving.flush();
    expect(queued).toHaveLength(1);
  });
});
