/** What there is to draw, from the document and the view settings: pure translation, no canvas. */
import type { ColumnMask } from "../../geometry/column-mask";
import { maskBounds } from "../../geometry/column-mask";
import { findStrays } from "../../geometry/regions";
import type { BoxXyxy, ImagePoint } from "../../geometry/types";
import { colorOfMask, preferredShade, SHADES, type Rgb } from "../../model/colors";
import type { MaskDocument } from "../../model/document";
import type { LabelInfo, MaskRecord } from "../../model/mask-record";
import { shadesOf } from "../../model/shades";
import { isShown } from "../../model/suggestion-filter";
import type { ToolId } from "../../model/view-settings";
import type { Remaining } from "../../model/work";
import type { PaintedMask } from "../../render/mask-changes";
import type { OverlayScene } from "../../render/overlay-layer";
import type { ToolShape } from "../../tools/port";
import { speckArea } from "../editing/mask-commands";
import type { Painting } from "../editing/painting";
import type { Prompting } from "../prompting/prompting";
import type { Stores } from "../state/stores";

/** What the pointer and the keyboard are at, besides the document. */
export interface Momentary {
  shape: ToolShape | null;
  cursor: ImagePoint | null;
}

/** The open image, as far as it is drawn. */
export interface DrawnImage {
  readonly document: MaskDocument;
  readonly prompting: Pick<Prompting, "hoverMask" | "sampled">;
  readonly painting: Pick<Painting, "painted">;
}

/** Tools that change the selected mask. */
const EDITING: ReadonlySet<ToolId> = new Set(["brush", "eraser", "lasso"]);

export class SceneMaker {
  private shaded: { readonly masks: readonly MaskRecord[]; readonly shades: ReadonlyMap<string, number> } | null = null;
  private straysOf: { readonly mask: ColumnMask; readonly boxes: readonly BoxXyxy[] } | null = null;

  constructor(
    private readonly stores: Stores,
    private readonly labels: ReadonlyMap<number, LabelInfo>,
    private readonly getSession: () => DrawnImage | null,
    private readonly momentary: Momentary,
  ) {}

  colorOf(record: Pick<MaskRecord, "id" | "labelId">): Rgb {
    return colorOfMask(record, this.labels, this.stores.settings.get().colorBy, this.shades().get(record.id));
  }

  /** Masks of one label that meet have different shades of its colour. */
  private shades(): ReadonlyMap<string, number> {
    const masks = this.getSession()?.document.all() ?? [];
    if (this.shaded?.masks !== masks) this.shaded = { masks, shades: shadesOf(masks, SHADES, preferredShade) };
    return this.shaded.shades;
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
  private replacedId(session: DrawnImage): string | null {
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
    const sampled = painted ? null : (session?.prompting.sampled ?? null);
    return {
      hover: session?.prompting.hoverMask ? { shown: session.prompting.hoverMask, color: draftColor } : null,
      hovered: this.lit(session),
      selected: painted ? [] : this.selected(session),
      draft:
        shown || sampled || draft
          ? {
              shown: sampled ?? (shown && { mask: shown, step: 1 }),
              prompts: draft?.prompts ?? [],
              pointed: this.stores.pointedPrompt.get(),
              color: target ? this.colorOf(target) : draftColor,
            }
          : null,
      strays: this.strays(shown ?? this.selected(session).at(0)?.mask ?? null),
      box: shape?.kind === "box" ? shape.box : null,
      path: shape?.kind === "path" ? shape : null,
      brush: shape?.kind === "brush" ? { ...shape.dab, shape: shape.shape, isErasing: shape.isErasing } : null,
      cursor,
      heat: this.stores.remaining.get()?.coverage ?? null,
      gap: placeShown(this.stores.remaining.get()),
    };
  }

  private lit(session: DrawnImage | null): { mask: ColumnMask; color: Rgb } | null {
    const id = this.stores.highlighted.get();
    const record = id === null || !session ? undefined : session.document.get(id);
    return record ? { mask: record.mask, color: this.colorOf(record) } : null;
  }

  private selected(session: DrawnImage | null): { mask: ColumnMask; color: Rgb }[] {
    // What a tool would change is seen even where masks are hidden.
    const isSeen = !this.stores.settings.get().areMasksHidden || EDITING.has(this.stores.tool.get());
    if (!session || !isSeen) return [];
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

function placeShown(remaining: Remaining | null): BoxXyxy | null {
  return remaining?.places[remaining.at]?.box ?? null;
}
