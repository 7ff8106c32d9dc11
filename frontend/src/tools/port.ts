/**
 * What tools may ask of the editor, and the events they get. Tools know nothing else: no page, no network, no canvas.
 */
import type { BoxXyxy, ImagePoint } from "../geometry/types";
import type { Dab } from "../geometry/strokes";
import type { Draft } from "../model/draft";
import type { BrushSettings, ToolId } from "../model/view-settings";

export interface ToolPointer {
  readonly point: ImagePoint;
  readonly button: 0 | 2;
  readonly isAlt: boolean;
  readonly isShift: boolean;
  readonly isCtrl: boolean;
  /** 0 to 1; 0.5 for devices that do not feel it. */
  readonly pressure: number;
  readonly device: "mouse" | "touch" | "pen";
}

/** What a tool shows while a gesture is under way. */
export type ToolShape =
  | { readonly kind: "box"; readonly box: BoxXyxy }
  | { readonly kind: "path"; readonly points: readonly ImagePoint[]; readonly isSubtracting: boolean }
  | { readonly kind: "brush"; readonly dab: Dab; readonly shape: "round" | "square"; readonly isErasing: boolean };

export interface EditorPort {
  /** Screen pixels per image pixel. */
  readonly scale: number;
  readonly draft: Draft | null;
  readonly brush: BrushSettings;
  addPoint(point: ImagePoint, label: 0 | 1): void;
  setBox(box: BoxXyxy): void;
  /** Take a point away, and say so. */
  removePrompt(index: number): void;
  /** The pointer is on a point, so that a click takes it away; -1 when it is on none. */
  pointAtPrompt(index: number): void;
  beginPointDrag(): void;
  dragPoint(index: number, point: ImagePoint): void;
  endPointDrag(): void;
  cancelGesture(): void;
  hover(point: ImagePoint | null): void;
  pick(point: ImagePoint, isAdditive: boolean): void;
  /** Ask for a comment on a place, and on the mask there. */
  commentAt(point: ImagePoint): void;
  panBy(dxImage: number, dyImage: number): void;
  beginStroke(isErasing: boolean): void;
  extendStroke(from: Dab, to: Dab): void;
  endStroke(): void;
  applyLasso(points: readonly ImagePoint[], mode: BrushSettings["lassoMode"]): void;
  show(shape: ToolShape | null): void;
}

/** A state machine fed with pointers; `cancel` always brings it back to rest and leaves nothing half done. */
export interface Tool {
  readonly id: ToolId;
  down(pointer: ToolPointer): void;
  move(pointer: ToolPointer): void;
  up(pointer: ToolPointer): void;
  cancel(): void;
  /** Enter while the tool is at work; true when the tool used it. */
  confirm(): boolean;
  /** True while Esc should go to the tool and not to the draft. */
  isBusy(): boolean;
}

/** Screen pixels that a pointer may wander before a click becomes a drag. */
export const DRAG_THRESHOLD_PX = 4;
/** Screen pixels around a prompt that count as hitting it, by what points. */
export const PROMPT_REACH_PX = { mouse: 9, pen: 14, touch: 22 } as const;

export function distance(a: ImagePoint, b: ImagePoint): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

export function boxBetween(a: ImagePoint, b: ImagePoint): BoxXyxy {
  return { x0: Math.min(a.x, b.x), y0: Math.min(a.y, b.y), x1: Math.max(a.x, b.x), y1: Math.max(a.y, b.y) };
}

/** The draft's point prompt nearest to a place, within reach; -1 when there is none. */
export function promptAt(port: EditorPort, { point, device }: Pick<ToolPointer, "point" | "device">): number {
  let best = -1;
  let bestDistance = PROMPT_REACH_PX[device] / port.scale;
  (port.draft?.prompts ?? []).forEach((prompt, index) => {
    if (prompt.kind !== "point") return;
    const away = distance(prompt.point, point);
    if (away <= bestDistance) [best, bestDistance] = [index, away];
  });
  return best;
}
