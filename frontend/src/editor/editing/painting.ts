/**
 * Brush, eraser and lasso at the photo's own precision, on the mask that model/edit-target.ts names. A stroke is one
 * entry of the history; one that changes nothing gives its reason.
 */
import { combineMasks, emptyMask, isEmpty, maskArea, type ColumnMask } from "../../geometry/column-mask";
import { fillPolygon, sweepBrush, type BrushShape, type Dab } from "../../geometry/strokes";
import type { ImagePoint, Size } from "../../geometry/types";
import type { Change, MaskDocument } from "../../model/document";
import { EMPTY_DRAFT, noteHandEdit } from "../../model/draft";
import type { EditTarget, NoTarget } from "../../model/edit-target";
import type { History } from "../../model/history";
import { editedByHand, noteEdit } from "../../model/mask-record";
import { withWorkTime } from "./work-time";

export interface PaintingPort {
  readonly document: MaskDocument;
  readonly history: History;
  readonly imageSize: Size;
  readonly brushShape: BrushShape;
  /** The mask that a stroke changes. */
  target(stroke: "add" | "subtract"): EditTarget;
  /** The label that a suggestion without one gets when it is painted on. */
  labelInHand(): number | null;
  /** Give the person's time since the last call. */
  takeMs(): number;
}

/** Why a stroke changed nothing: there is no mask to change, it ran beside it, or it only repeated what was there. */
export type NoChange = NoTarget | "outside" | "there.already" | "not.there";

interface Stroke {
  readonly target: EditTarget;
  readonly isErasing: boolean;
  readonly before: ColumnMask;
  /** The mask so far; the document gets it with every dab, measured only at the end. */
  current: ColumnMask;
  hasTouchedPhoto: boolean;
}

export class Painting {
  private stroke: Stroke | null = null;

  constructor(private readonly port: PaintingPort) {}

  /** The mask under the brush and how it looks now; drawn above the others while the stroke lasts. */
  get painted(): { readonly targetId: string | null; readonly mask: ColumnMask } | null {
    if (!this.stroke || this.stroke.target.kind === "none") return null;
    return { targetId: idOf(this.stroke.target), mask: this.stroke.current };
  }

  begin(isErasing: boolean): void {
    const target = this.port.target(isErasing ? "subtract" : "add");
    const before = this.maskOf(target);
    this.stroke = { target, isErasing, before, current: before, hasTouchedPhoto: false };
  }

  extend(from: Dab, to: Dab): void {
    const { stroke } = this;
    if (!stroke || stroke.target.kind === "none") return;
    const swept = sweepBrush(from, to, this.port.brushShape, this.port.imageSize);
    stroke.hasTouchedPhoto ||= !isEmpty(swept);
    stroke.current = combineMasks(stroke.current, swept, stroke.isErasing ? "subtract" : "union");
  }

  end(): NoChange | null {
    const { stroke } = this;
    this.stroke = null;
    if (!stroke) return null;
    if (stroke.target.kind === "none") return stroke.target.why;
    if (!stroke.hasTouchedPhoto) return "outside";
    const { target, before, current, isErasing } = stroke;
    return this.write(target, before, current, isErasing ? "erase" : "paint", isErasing);
  }

  cancel(): void {
    this.stroke = null;
  }

  /** Add or subtract the inside of a polygon. */
  applyLasso(points: readonly ImagePoint[], isSubtracting: boolean): NoChange | null {
    const target = this.port.target(isSubtracting ? "subtract" : "add");
    if (target.kind === "none") return target.why;
    const area = fillPolygon(points, this.port.imageSize);
    if (isEmpty(area)) return "outside";
    const before = this.maskOf(target);
    const after = combineMasks(before, area, isSubtracting ? "subtract" : "union");
    return this.write(target, before, after, "lasso", isSubtracting);
  }

  private maskOf(target: EditTarget): ColumnMask {
    const { draft } = this.port.document;
    const found = target.kind === "mask" ? target.record.mask : target.kind === "draft" ? draft?.mask : null;
    return found ?? emptyMask(this.port.imageSize);
  }

  private write(
    target: EditTarget,
    before: ColumnMask,
    after: ColumnMask,
    name: string,
    isSubtracting: boolean,
  ): NoChange | null {
    const pixels =
      maskArea(combineMasks(after, before, "subtract")) + maskArea(combineMasks(before, after, "subtract"));
    if (pixels === 0) return isSubtracting ? "not.there" : "there.already";
    const edit = { name, pixels };
    if (target.kind === "mask") this.writeMask(target.record.id, after, edit);
    else this.record(name, this.draftChange(before, after, edit));
    return null;
  }

  private draftChange(before: ColumnMask, after: ColumnMask, edit: { name: string; pixels: number }): Change {
    const draft = this.port.document.draft;
    return { kind: "draft", before: draft, after: noteHandEdit(draft ?? EMPTY_DRAFT, before, after, edit) };
  }

  private writeMask(id: string, mask: ColumnMask, edit: { name: string; pixels: number }): void {
    const record = this.port.document.get(id);
    if (!record) return;
    const provenance = noteEdit(record.provenance, edit.name, edit.pixels);
    const after = isEmpty(mask) ? null : editedByHand({ ...record, provenance }, mask, this.port.labelInHand());
    this.record(edit.name, { kind: "mask", id, before: record, after });
  }

  private record(name: string, change: Change): void {
    const timed = withWorkTime([change], () => this.port.takeMs());
    this.port.document.apply(timed, "local");
    this.port.history.record(name, timed);
  }
}

/** The saved mask that a stroke changes at once; a draft is kept by Enter. */
function idOf(target: EditTarget): string | null {
  return target.kind === "mask" ? target.record.id : null;
}
