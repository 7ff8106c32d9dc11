/** What changes all the time: the draft, its prompts, the hovered and selected masks, cursors, boxes in the making. */
import type { ColumnMask } from "../geometry/column-mask";
import type { Coverage } from "../geometry/coverage";
import type { BoxXyxy, ImagePoint, Prompt } from "../geometry/types";
import type { SampledMask } from "../geometry/upsample";
import { toScreen, type Viewport } from "../geometry/viewport";
import type { Rgb } from "../model/colors";
import { Ants } from "./ants";
import type { Layer } from "./frame-loop";
import { drawHeatMap } from "./heat-map";
import {
  drawBrushCursor,
  drawCross,
  drawDashedBox,
  drawDashedPath,
  drawPrompt,
  drawRemoval,
  drawSpotlight,
} from "./marks";
import type { MaskPaths } from "./mask-paths";
import { drawMask, type MaskStyle } from "./mask-style";
import type { Surface } from "./surface";

export interface OverlayScene {
  readonly hover: { readonly shown: SampledMask; readonly color: Rgb } | null;
  readonly hovered: { readonly mask: ColumnMask; readonly color: Rgb } | null;
  readonly selected: readonly { readonly mask: ColumnMask; readonly color: Rgb }[];
  readonly draft: {
    readonly shown: SampledMask | null;
    readonly prompts: readonly Prompt[];
    /** The point under the pointer; -1 for none. */
    readonly pointed: number;
    readonly color: Rgb;
  } | null;
  readonly strays: readonly BoxXyxy[];
  readonly box: BoxXyxy | null;
  readonly path: { readonly points: readonly ImagePoint[]; readonly isSubtracting: boolean } | null;
  readonly brush: {
    readonly point: ImagePoint;
    readonly radius: number;
    readonly shape: "round" | "square";
    readonly isErasing: boolean;
  } | null;
  readonly cursor: ImagePoint | null;
  readonly heat: Coverage | null;
  /** The uncovered place that was gone to last. */
  readonly gap: BoxXyxy | null;
}

export class OverlayLayer implements Layer {
  private readonly ants: Ants;
  /** Ants stand still for people who asked for less motion. */
  private readonly isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;

  constructor(
    private readonly surface: Surface,
    private readonly paths: MaskPaths,
    private readonly getView: () => Viewport,
    private readonly getScene: () => OverlayScene,
  ) {
    this.ants = new Ants(paths);
  }

  draw(timeMs: number): boolean {
    const view = this.getView();
    const scene = this.getScene();
    this.surface.clear();
    this.surface.useImageSpace(view);
    this.drawMasks(scene, view);
    this.ants.draw(this.surface, scene.selected, view, this.isStill ? 0 : timeMs);
    this.surface.useScreenSpace();
    this.drawMarks(scene, view);
    return scene.selected.length > 0 && !this.isStill;
  }

  private drawMasks(scene: OverlayScene, view: Viewport): void {
    const { context } = this.surface;
    const at = { paths: this.paths, scale: view.scale };
    const drawSampled = ({ mask, step }: SampledMask, look: MaskStyle): void =>
      drawMask(context, mask, look, { ...at, sampledBy: step });
    const style = (color: Rgb, fillAlpha: number, outline: MaskStyle["outline"]): MaskStyle => ({
      color,
      fillAlpha,
      outline,
      lineWidth: 1.5,
    });
    if (scene.heat) drawHeatMap(context, scene.heat);
    if (scene.hover) drawSampled(scene.hover.shown, style(scene.hover.color, 0.28, "solid"));
    if (scene.hovered) drawMask(context, scene.hovered.mask, style(scene.hovered.color, 0.2, "solid"), at);
    if (scene.draft?.shown) drawSampled(scene.draft.shown, style(scene.draft.color, 0.45, "solid"));
  }

  private drawMarks(scene: OverlayScene, view: Viewport): void {
    const { context } = this.surface;
    if (scene.gap) drawDashedBox(context, view, scene.gap, "#ffb454");
    for (const box of scene.strays) drawSpotlight(context, view, box);
    for (const prompt of scene.draft?.prompts ?? []) {
      if (prompt.kind === "box") drawDashedBox(context, view, prompt.box, "#ffffff");
    }
    if (scene.box) drawDashedBox(context, view, scene.box, "#ffffff");
    if (scene.path) drawDashedPath(context, view, scene.path.points, scene.path.isSubtracting);
    (scene.draft?.prompts ?? []).forEach((prompt, index) => {
      if (prompt.kind !== "point") return;
      const at = toScreen(view, prompt.point);
      drawPrompt(context, at, prompt.label);
      if (index === scene.draft?.pointed) drawRemoval(context, at);
    });
    if (scene.brush) drawBrushCursor(context, view, scene.brush);
    if (scene.cursor) drawCross(context, toScreen(view, scene.cursor));
  }
}
