/** What can be done to masks as a whole. Each command is one entry of the history; locked masks are left alone. */
import {
  combineMasks,
  isEmpty,
  maskArea,
  uniteMasks,
  type BooleanOperation,
  type ColumnMask,
} from "../../geometry/column-mask";
import { fillHoles, removeSpecks, smoothEdge, splitByPolygon } from "../../geometry/regions";
import { fillPolygon } from "../../geometry/strokes";
import { imagePoint, type ImagePoint, type Size } from "../../geometry/types";
import type { Change, MaskDocument } from "../../model/document";
import { noteHandEdit } from "../../model/draft";
import type { History } from "../../model/history";
import { adopted, editedByHand, noteEdit, type AttributeValue, type MaskRecord } from "../../model/mask-record";
import { newId } from "../../platform/ids";
import type { OverlapRule } from "../state/config";
import { withWorkTime } from "./work-time";

/** Regions below this share of the mask's area are removed as small. */
const SPECK_SHARE = 0.005;
const LEAST_SPECK_PX = 16;

export class MaskCommands {
  constructor(
    private readonly document: MaskDocument,
    private readonly history: History,
    private readonly imageSize: Size,
    /** Give the person's time since the last call. */
    private readonly takeMs: () => number,
    /** The label that suggestions without one get when a person takes them over. */
    private readonly labelInHand: () => number | null,
  ) {}

  commit(name: string, changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const timed = withWorkTime(changes, this.takeMs);
    this.document.apply(timed, "local");
    this.history.record(name, timed);
  }

  change(name: string, ids: Iterable<string>, edit: (record: MaskRecord) => MaskRecord | null): void {
    const changes: Change[] = [];
    for (const id of ids) {
      const before = this.document.get(id);
      if (!before || before.isLocked) continue;
      const after = edit(before);
      if (after !== before) changes.push({ kind: "mask", id, before, after });
    }
    this.commit(name, changes);
  }

  label(ids: Iterable<string>, labelId: number | null): void {
    this.change("label", ids, (record) => (record.labelId === labelId ? record : { ...record, labelId }));
  }

  setAttribute(ids: Iterable<string>, name: string, value: AttributeValue): void {
    this.change("attribute", ids, (record) => ({ ...record, attributes: { ...record.attributes, [name]: value } }));
  }

  setLocked(ids: Iterable<string>, isLocked: boolean): void {
    const changes: Change[] = [];
    for (const id of ids) {
      const before = this.document.get(id);
      if (before && before.isLocked !== isLocked)
        changes.push({ kind: "mask", id, before, after: { ...before, isLocked } });
    }
    this.commit(isLocked ? "lock" : "unlock", changes);
  }

  delete(ids: Iterable<string>): void {
    this.change("delete", ids, () => null);
  }

  decide(ids: Iterable<string>, isAccepted: boolean): void {
    const open = [...ids].filter((id) => this.document.get(id)?.state === "suggestion");
    const label = this.labelInHand();
    if (isAccepted) this.change("acceptSuggestions", open, (record) => adopted(record, label));
    else this.change("rejectSuggestions", open, (record) => ({ ...record, state: "rejected" }));
  }

  /** Copies on top of the originals; returns their ids. */
  duplicate(ids: Iterable<string>): string[] {
    const originals = this.records(ids);
    const copies = originals.map((record, i) => this.copyOf(record, i));
    this.commit(
      "duplicate",
      copies.map((after) => ({ kind: "mask", id: after.id, before: null, after })),
    );
    return copies.map((copy) => copy.id);
  }

  private copyOf(record: MaskRecord, index: number): MaskRecord {
    const id = newId();
    const zOrder = this.document.nextZOrder() + index;
    return {
      ...adopted(record, this.labelInHand()),
      id,
      zOrder,
      isLocked: false,
      activeMs: 0,
      state: "accepted",
      source: "manual",
      createdAt: this.document.nextMoment(),
    };
  }

  /** Combine the masks into the first one; the others go, except for `subtract`, which leaves them. */
  combine(ids: readonly string[], operation: BooleanOperation): void {
    const [first, ...rest] = this.records(ids);
    if (rest.length === 0) return;
    const others =
      operation === "intersect"
        ? rest.map((r) => r.mask)
        : [
            uniteMasks(
              rest.map((r) => r.mask),
              this.imageSize,
            ),
          ];
    const mask = others.reduce((result, other) => combineMasks(result, other, operation), first.mask);
    const gone: Change[] =
      operation === "subtract" ? [] : rest.map((before) => ({ kind: "mask", id: before.id, before, after: null }));
    this.commit(operation, [this.editChange(first, mask, operation), ...gone]);
  }

  cleanUp(ids: Iterable<string>, step: "fillHoles" | "removeSpecks" | "smooth"): void {
    if (this.document.draft?.mask) {
      this.cleanDraft(this.document.draft.mask, step);
      return;
    }
    this.commit(
      step,
      this.records(ids).map((record) => this.editChange(record, cleaned(record.mask, step), step)),
    );
  }

  private cleanDraft(before: ColumnMask, step: "fillHoles" | "removeSpecks" | "smooth"): void {
    const draft = this.document.draft;
    const after = cleaned(before, step);
    const pixels = changedPixels(before, after);
    if (!draft || pixels === 0) return;
    this.commit(step, [
      { kind: "draft", before: draft, after: noteHandEdit(draft, before, after, { name: step, pixels }) },
    ]);
  }

  /** Cut masks along a line of two or more points, drawn out beyond the photo at both ends. Returns the new ids. */
  split(ids: Iterable<string>, line: readonly ImagePoint[]): string[] {
    const side = fillPolygon(sideOfLine(line, this.imageSize), this.imageSize);
    const changes: Change[] = [];
    for (const record of this.records(ids)) {
      const [left, right] = splitByPolygon(record.mask, side);
      if (isEmpty(left) || isEmpty(right)) continue;
      const copy = editedByHand(this.copyOf(record, changes.length), right, this.labelInHand());
      changes.push(this.editChange(record, left, "split"), { kind: "mask", id: copy.id, before: null, after: copy });
    }
    this.commit("split", changes);
    return changes.map((change) => (change.kind === "mask" ? change.id : ""));
  }

  /** Put masks above or below all others. */
  restack(ids: Iterable<string>, direction: "up" | "down"): void {
    const all = this.document.all();
    const edge = direction === "up" ? this.document.nextZOrder() : (all.at(0)?.zOrder ?? 0) - 1;
    this.change(direction === "up" ? "moveUp" : "moveDown", ids, (record) => ({ ...record, zOrder: edge }));
  }

  /** What "no overlap" does to a mask about to be added, and to those under it. */
  withoutOverlap(mask: ColumnMask, rule: OverlapRule, exceptId: string | null): { mask: ColumnMask; cuts: Change[] } {
    if (rule === "allow") return { mask, cuts: [] };
    const others = this.document.all().filter((record) => record.id !== exceptId && record.state === "accepted");
    const firm = others.filter((record) => rule === "new_yields" || record.isLocked).map((record) => record.mask);
    const kept = combineMasks(mask, uniteMasks(firm, this.imageSize), "subtract");
    if (rule === "new_yields") return { mask: kept, cuts: [] };
    const cuts = others
      .filter((record) => !record.isLocked)
      .flatMap((record) => {
        const rest = combineMasks(record.mask, kept, "subtract");
        return maskArea(rest) === record.area ? [] : [this.editChange(record, rest, "cut")];
      });
    return { mask: kept, cuts };
  }

  private editChange(record: MaskRecord, mask: ColumnMask, name: string): Change {
    const pixels = changedPixels(record.mask, mask);
    if (pixels === 0) return { kind: "mask", id: record.id, before: record, after: record };
    const provenance = noteEdit(record.provenance, name, pixels);
    const after = isEmpty(mask) ? null : editedByHand({ ...record, provenance }, mask, this.labelInHand());
    return { kind: "mask", id: record.id, before: record, after };
  }

  private records(ids: Iterable<string>): MaskRecord[] {
    return [...ids].flatMap((id) => this.document.get(id) ?? []).filter((record) => !record.isLocked);
  }
}

function changedPixels(before: ColumnMask, after: ColumnMask): number {
  return maskArea(combineMasks(before, after, "subtract")) + maskArea(combineMasks(after, before, "subtract"));
}

function cleaned(mask: ColumnMask, step: "fillHoles" | "removeSpecks" | "smooth"): ColumnMask {
  switch (step) {
    case "fillHoles":
      return fillHoles(mask);
    case "removeSpecks":
      return removeSpecks(mask, speckArea(mask));
    case "smooth":
      return smoothEdge(mask, Math.max(1, Math.round(Math.max(mask.size.width, mask.size.height) / 1000)));
  }
}

/** Return below how many pixels a region of a mask counts as small. */
export function speckArea(mask: ColumnMask): number {
  return Math.max(LEAST_SPECK_PX, Math.round(maskArea(mask) * SPECK_SHARE));
}

/** A polygon that covers everything on one side of a line; the line's ends are drawn out far beyond the photo. */
function sideOfLine(line: readonly ImagePoint[], size: Size): ImagePoint[] {
  const far = (size.width + size.height) * 4;
  const start = beyond(line[1], line[0], far);
  const end = beyond(line[line.length - 2], line[line.length - 1], far);
  const dx = end.x - start.x;
  const dy = end.y - start.y;
  const length = Math.max(Math.hypot(dx, dy), 1e-9);
  const shift = { x: (-dy / length) * far, y: (dx / length) * far };
  const outer = [end, start].map((point) => imagePoint(point.x + shift.x, point.y + shift.y));
  return [start, ...line, end, ...outer];
}

function beyond(from: ImagePoint, through: ImagePoint, far: number): ImagePoint {
  const length = Math.max(Math.hypot(through.x - from.x, through.y - from.y), 1e-9);
  const share = far / length;
  return imagePoint(through.x + (through.x - from.x) * share, through.y + (through.y - from.y) * share);
}
