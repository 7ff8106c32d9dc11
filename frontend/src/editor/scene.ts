/** What there is to draw, from the document and the view settings: pure translation, no canvas. */
import type { ColumnMask } from "../geometry/column-mask";
import { maskBounds } from "../geometry/column-mask";
import { findStrays } from "../geometry/regions";
import type { BoxXyxy, ImagePoint } from "../geometry/types";
import { colorOfMask, type Rgb } from "../model/colors";
import type { LabelInfo, MaskRecord } from "../model/mask-record";
import type { Remaining } from "../model/work";
import type { SuggestionFilter } from "../model/workspace";
import type { PaintedMask } from "../render/mask-changes";
import type { OverlayScene } from "../render/overlay-layer";
import type { ToolShape } from "../tools/port";
import { speckArea } from "./mask-commands";
import type { ImageSession } from "./image-session";
import type { Stores } from "./stores";

/** What the pointer and the keyboard are at, besides the document. */
export interface Momentary {
  shape: ToolShape | null;
  cursor: ImagePoint | null;
}

export class SceneMaker {
  private straysOf: { readonly mask: ColumnMask; readonly boxes: readonly BoxXyxy[] } | null = null;

  constructor(
    private readonly stores: Stores,
    private readonly labels: ReadonlyMap<number, LabelInfo>,
    private readonly getSession: () => ImageSession | null,
    private readonly momentary: Momentary,
  ) {}

  colorOf(record: Pick<MaskRecord, "id" | "labelId">): Rgb {
    return colorOfMask(record, this.labels, this.stores.settings.get().colorBy);
  }

  /** The saved masks, lowest first, as the mask layer paints them. */
  paintedMasks(): PaintedMask[] {
    const session = this.getSession();
    const { areMasksHidden, isSolo, opacity } = this.stores.settings.get();
    if (!session || areMasksHidden) return [];
    const selection = this.stores.selection.get();
    const hiddenId = this.replacedId(session);
    const filter = this.stores.suggestions.get();
    return session.document
      .all()
      .filter((record) => record.id !== hiddenId && isShown(record, filter) && (!isSolo || selection.has(record.id)))
      .map((record) => ({
        id: record.id,
        mask: record.mask,
        bounds: record.bounds,
        style: this.styleOf(record, opacity),
      }));
  }

  private styleOf(record: MaskRecord, opacity: number): PaintedMask["style"] {
    const color = this.colorOf(record);
    const isSuggestion = record.state === "suggestion";
    return { color, fillAlpha: isSuggestion ? 0 : opacity, outline: isSuggestion ? "dashed" : "solid", lineWidth: 1.5 };
  }

  /** The saved mask that something on the overlay stands in for. */
  private replacedId(session: ImageSession): string | null {
    return session.painting.painted?.targetId ?? session.document.draft?.targetId ?? null;
  }

  overlay(): OverlayScene {
    const session = this.getSession();
    const { shape, cursor } = this.momentary;
    const draft = session?.document.draft ?? null;
    const painted = session?.painting.painted ?? null;
    const draftColor = this.colorOf({ id: "", labelId: this.stores.currentLabel.get() });
    const target = painted?.targetId ? session?.document.get(painted.targetId) : undefined;
    const shown = painted?.mask ?? draft?.mask ?? null;
    const glimpse = painted ? null : (session?.prompting.glimpse ?? null);
    return {
      hover: session?.prompting.hoverMask ? { shown: session.prompting.hoverMask, color: draftColor } : null,
      hovered: this.lit(session),
      selected: painted ? [] : this.selected(session),
      draft:
        shown || glimpse || draft
          ? {
              shown: glimpse ?? (shown && { mask: shown, step: 1 }),
              prompts: draft?.prompts ?? [],
              color: target ? this.colorOf(target) : draftColor,
            }
          : null,
      strays: this.strays(shown ?? this.selected(session).at(0)?.mask ?? null),
      box: shape?.kind === "box" ? shape.box : null,
      path: shape?.kind === "path" ? shape : null,
      brush: shape?.kind === "brush" ? { ...shape.dab, shape: shape.shape, isErasing: shape.isErasing } : null,
      cursor,
      // a closer look comes and goes by itself, and nobody need know where its part ends
      cropBox: draft?.seen.at(0)?.embedding.cropBox ?? null,
      heat: this.stores.remaining.get()?.coverage ?? null,
      gap: gapBox(this.stores.remaining.get()),
    };
  }

  private lit(session: ImageSession | null): { mask: ColumnMask; color: Rgb } | null {
    const id = this.stores.highlighted.get();
    const record = id === null || !session ? undefined : session.document.get(id);
    return record ? { mask: record.mask, color: this.colorOf(record) } : null;
  }

  private selected(session: ImageSession | null): { mask: ColumnMask; color: Rgb }[] {
    if (!session || this.stores.settings.get().areMasksHidden) return [];
    const records = [...this.stores.selection.get()].flatMap((id) => session.document.get(id) ?? []);
    return records.map((record) => ({ mask: record.mask, color: this.colorOf(record) }));
  }

  private strays(mask: ColumnMask | null): readonly BoxXyxy[] {
    if (!mask || !this.stores.settings.get().isSpotlightOn) return [];
    if (this.straysOf?.mask !== mask) {
      const boxes = findStrays(mask, speckArea(mask)).flatMap((part) => maskBounds(part) ?? []);
      this.straysOf = { mask, boxes };
    }
    return this.straysOf.boxes;
  }
}

function gapBox(remaining: Remaining | null): BoxXyxy | null {
  const gap = remaining?.gaps[remaining.at];
  if (!gap) return null;
  const { middle, radius } = gap;
  return { x0: middle.x - radius, y0: middle.y - radius, x1: middle.x + radius, y1: middle.y + radius };
}

/** Rejected masks never show; suggestions do when both their scores are good enough. */
export function isShown(record: MaskRecord, filter: SuggestionFilter): boolean {
  if (record.state === "rejected") return false;
  if (record.state === "accepted") return true;
  return (record.predictedIou ?? 1) >= filter.minIou && (record.stabilityScore ?? 1) >= filter.minStability;
}
