/**
 * Brush, eraser and lasso at the photo's own precision. They change the draft where there is one, else the one selected
 * mask, else they start a draft; a stroke is one entry of the history.
 */
import { combineMasks, emptyMask, isEmpty, maskArea, type ColumnMask } from "../geometry/column-mask";
import { fillPolygon, sweepBrush, type BrushShape, type Dab } from "../geometry/strokes";
import type { ImagePoint, Size } from "../geometry/types";
import { EMPTY_DRAFT, noteHandEdit } from "../model/draft";
import type { Change, MaskDocument } from "../model/document";
import type { History } from "../model/history";
import { mended, noteEdit, type MaskRecord } from "../model/mask-record";
import { withWorkTime } from "./work-time";

export interface PaintingPort {
  readonly document: MaskDocument;
  readonly history: History;
  readonly imageSize: Size;
  readonly brushShape: BrushShape;
  /** The mask to paint on; null: paint a draft. */
  target(): MaskRecord | null;
  /** Give the person's time since the last call. */
  takeMs(): number;
}

interface Stroke {
  readonly targetId: string | null;
  readonly isErasing: boolean;
  readonly before: ColumnMask;
  /** The mask so far; the document gets it with every dab, measured only at the end. */
  current: ColumnMask;
}

export class Painting {
  private stroke: Stroke | null = null;

  constructor(private readonly port: PaintingPort) {}

  /** The mask under the brush and how it looks now; drawn above the others while the stroke lasts. */
  get painted(): { readonly targetId: string | null; readonly mask: ColumnMask } | null {
    return this.stroke && { targetId: this.stroke.targetId, mask: this.stroke.current };
  }

  begin(isErasing: boolean): void {
    const target = this.target();
    const before = this.maskOf(target);
    this.stroke = { targetId: target?.id ?? null, isErasing, before, current: before };
  }

  extend(from: Dab, to: Dab): void {
    if (!this.stroke) return;
    const swept = sweepBrush(from, to, this.port.brushShape, this.port.imageSize);
    this.stroke.current = combineMasks(this.stroke.current, swept, this.stroke.isErasing ? "subtract" : "union");
  }

  end(): void {
    const { stroke } = this;
    this.stroke = null;
    if (stroke) this.write(stroke.targetId, stroke.before, stroke.current, stroke.isErasing ? "erase" : "paint");
  }

  cancel(): void {
    this.stroke = null;
  }

  /** Add or subtract the inside of a polygon. */
  applyLasso(points: readonly ImagePoint[], isSubtracting: boolean): void {
    const target = this.target();
    const before = this.maskOf(target);
    const area = fillPolygon(points, this.port.imageSize);
    this.write(target?.id ?? null, before, combineMasks(before, area, isSubtracting ? "subtract" : "union"), "lasso");
  }

  private target(): MaskRecord | null {
    return this.port.document.draft ? null : this.port.target();
  }

  private maskOf(target: MaskRecord | null): ColumnMask {
    return (target ?? this.port.document.draft)?.mask ?? emptyMask(this.port.imageSize);
  }

  private write(targetId: string | null, before: ColumnMask, after: ColumnMask, name: string): void {
    const pixels =
      maskArea(combineMasks(after, before, "subtract")) + maskArea(combineMasks(before, after, "subtract"));
    if (pixels === 0) return;
    const change = targetId === null ? this.draftChange(before, after, { name, pixels }) : null;
    if (change) this.record(name, change);
    else if (targetId !== null) this.writeMask(targetId, after, { name, pixels });
  }

  private draftChange(before: ColumnMask, after: ColumnMask, edit: { name: string; pixels: number }): Change {
    const draft = this.port.document.draft;
    return { kind: "draft", before: draft, after: noteHandEdit(draft ?? EMPTY_DRAFT, before, after, edit) };
  }

  private writeMask(id: string, mask: ColumnMask, edit: { name: string; pixels: number }): void {
    const record = this.port.document.get(id);
    if (!record) return;
    const provenance = noteEdit(record.provenance, edit.name, edit.pixels);
    const after = isEmpty(mask) ? null : mended({ ...record, provenance }, mask);
    this.record(edit.name, { kind: "mask", id, before: record, after });
  }

  private record(name: string, change: Change): void {
    const timed = withWorkTime([change], () => this.port.takeMs());
    this.port.document.apply(timed, "local");
    this.port.history.record(name, timed);
  }
}
