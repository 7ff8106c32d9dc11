/** Hands pointers to the chosen tool and fulfils what tools may ask for. */
import type { Dab } from "../../geometry/strokes";
import { screenPoint, type BoxXyxy, type ImagePoint, type ScreenPoint } from "../../geometry/types";
import { clampToImage, isInside, toImage, toScreen } from "../../geometry/viewport";
import type { Draft } from "../../model/draft";
import { strokeTarget } from "../../model/edit-target";
import type { BrushSettings, ToolId } from "../../model/view-settings";
import type { EditorPort, Tool, ToolPointer, ToolShape } from "../../tools/port";
import { makeTools } from "../../tools/tools";
import type { Selecting } from "../editing/selecting";
import { situationOf } from "../editing/situation";
import type { ImageSession } from "../session/image-session";
import type { Notices } from "../state/notices";
import type { Stores } from "../state/stores";
import type { Momentary } from "../viewing/scene";
import type { Viewing } from "../viewing/viewing";

/** Boxes narrower than this on the screen were meant as clicks. */
const LEAST_BOX_PX = 3;
const POINT_REMOVED = "notice.point.removed";
/** Keys of the reasons why a stroke changed nothing begin so. */
const NO_CHANGE = "notice.stroke.";
/** Tools that the keyboard presses once to begin and once to end. */
const DRAWN_BY_DRAG: ReadonlySet<ToolId> = new Set(["box", "brush", "eraser"]);

export interface ToolHostPorts {
  readonly stores: Stores;
  readonly momentary: Momentary;
  readonly viewing: () => Viewing;
  readonly selecting: Selecting;
  readonly notices: Notices;
  session(): ImageSession | null;
  canEdit(): boolean;
}

export class ToolHost implements EditorPort {
  private readonly tools: Readonly<Record<ToolId, Tool>>;

  constructor(private readonly ports: ToolHostPorts) {
    this.tools = makeTools(this);
    const { draft, brush } = ports.stores;
    // The next object begins with a point on it.
    draft.subscribe(() => {
      if (!draft.get() && brush.get().promptLabel === 0) brush.update((settings) => ({ ...settings, promptLabel: 1 }));
    });
  }

  get current(): Tool {
    return this.tools[this.ports.stores.tool.get()];
  }

  choose(id: ToolId): void {
    this.current.cancel();
    this.ports.stores.tool.set(id);
    this.ports.viewing().overlayChanged();
  }

  pointer(phase: "down" | "move" | "up" | "cancel", event: PointerEvent, at: ScreenPoint, button: 0 | 2): void {
    this.ports.momentary.cursor = null;
    const pointer = this.pointerOf(event, at, button);
    if (this.ports.stores.pointer.get() !== pointer.device) this.ports.stores.pointer.set(pointer.device);
    if (phase === "cancel") this.current.cancel();
    else this.current[phase](pointer);
    this.ports.viewing().overlayChanged();
  }

  /** The keyboard's press at a place: a click, or for tools that draw, the beginning and then the end of a drag. */
  press(point: ImagePoint, label: 0 | 1): void {
    const pointer = keyPointer(point, label === 1 ? 0 : 2);
    const isDrawing = DRAWN_BY_DRAG.has(this.current.id);
    if (isDrawing && this.current.isBusy()) this.current.up(pointer);
    else {
      this.current.down(pointer);
      if (!isDrawing) this.current.up(pointer);
    }
    this.ports.viewing().overlayChanged();
  }

  private pointerOf(event: PointerEvent, at: ScreenPoint, button: 0 | 2): ToolPointer {
    const point = toImage(this.ports.stores.view.get(), at);
    const device = event.pointerType === "pen" || event.pointerType === "touch" ? event.pointerType : "mouse";
    return {
      point,
      button,
      isAlt: event.altKey,
      isShift: event.shiftKey,
      isCtrl: event.ctrlKey || event.metaKey,
      pressure: event.pressure > 0 ? event.pressure : 0.5,
      device,
    };
  }

  // what tools ask for ----------------------------------------------------------------------------------------------

  get scale(): number {
    return this.ports.stores.view.get().scale;
  }

  get draft(): Draft | null {
    return this.ports.session()?.document.draft ?? null;
  }

  get brush(): BrushSettings {
    return this.ports.stores.brush.get();
  }

  addPoint(point: ImagePoint, label: 0 | 1): void {
    const session = this.editable();
    if (!session || !isInside(session.size, point)) return;
    this.ports.selecting.clear();
    session.prompting.addPoint(point, label);
  }

  setBox(box: BoxXyxy): void {
    const session = this.editable();
    if (!session) return;
    const first = clampToImage(session.size, { x: box.x0, y: box.y0 });
    const last = clampToImage(session.size, { x: box.x1, y: box.y1 });
    if (Math.min(last.x - first.x, last.y - first.y) * this.scale < LEAST_BOX_PX) return;
    this.ports.selecting.clear();
    session.prompting.setBox({ x0: first.x, y0: first.y, x1: last.x, y1: last.y });
  }

  removePrompt(index: number): void {
    this.editable()?.prompting.removePrompt(index);
    this.ports.notices.clear(POINT_REMOVED);
    this.ports.notices.tell("info", POINT_REMOVED);
  }

  pointAtPrompt(index: number): void {
    if (this.ports.stores.pointedPrompt.get() !== index) this.ports.stores.pointedPrompt.set(index);
  }

  beginPointDrag(): void {
    this.editable()?.prompting.beginDrag();
  }

  dragPoint(index: number, point: ImagePoint): void {
    const session = this.editable();
    session?.prompting.dragPoint(index, clampToImage(session.size, point));
  }

  endPointDrag(): void {
    this.ports.session()?.prompting.endDrag();
  }

  cancelGesture(): void {
    const session = this.ports.session();
    if (!session) return;
    session.painting.cancel();
    session.prompting.cancelDrag();
    this.ports.viewing().masksChanged();
  }

  hover(point: ImagePoint | null): void {
    const session = this.ports.session();
    if (!session) return;
    const tool = this.ports.stores.tool.get();
    const place = point && isInside(session.size, point) ? point : null;
    if (place && this.ports.canEdit()) session.notePointer(place);
    if (tool === "select" || tool === "comment") this.ports.selecting.highlightAt(place);
    else session.prompting.hover(this.ports.stores.settings.get().isHoverOn && this.ports.canEdit() ? place : null);
  }

  pick(point: ImagePoint, isAdditive: boolean): void {
    this.ports.selecting.pickAt(point, isAdditive);
  }

  commentAt(point: ImagePoint): void {
    const session = this.ports.session();
    if (!session || !isInside(session.size, point)) return;
    this.ports.stores.commentTarget.set({ annotationId: this.ports.selecting.idAt(point), place: point });
    this.ports.stores.dialog.set("comment");
  }

  panBy(dxImage: number, dyImage: number): void {
    this.ports.viewing().pan(dxImage * this.scale, dyImage * this.scale);
  }

  beginStroke(isErasing: boolean): void {
    const session = this.editable();
    session?.painting.begin(isErasing);
    if (session?.painting.painted?.targetId) this.ports.viewing().masksChanged();
  }

  extendStroke(from: Dab, to: Dab): void {
    this.ports.session()?.painting.extend(from, to);
  }

  endStroke(): void {
    this.tellWhy(this.ports.session()?.painting.end() ?? null);
    this.ports.viewing().masksChanged();
  }

  applyLasso(points: readonly ImagePoint[], mode: BrushSettings["lassoMode"]): void {
    const session = this.editable();
    if (!session) return;
    if (mode === "split") this.tellWhy(this.split(session, points));
    else this.tellWhy(session.painting.applyLasso(points, mode === "subtract"));
  }

  private split(session: ImageSession, line: readonly ImagePoint[]): string | null {
    const target = strokeTarget(situationOf(session.document, this.ports.stores), "split");
    if (target.kind === "none") return target.why;
    const halves = session.commands.split(this.ports.stores.selection.get(), line);
    if (halves.length === 0) return "beside.the.cut";
    this.ports.selecting.set(halves);
    return null;
  }

  /** Say why a stroke changed nothing; the strokes before it need no explanation any more. */
  private tellWhy(why: string | null): void {
    const { notices } = this.ports;
    for (const { key } of this.ports.stores.notices.get()) if (key.startsWith(NO_CHANGE)) notices.clear(key);
    if (why !== null) notices.tell("info", NO_CHANGE + why);
  }

  show(shape: ToolShape | null): void {
    this.ports.momentary.shape = shape;
    this.ports.viewing().overlayChanged();
  }

  // the keyboard's cursor -------------------------------------------------------------------------------------------

  /** Move the keyboard's cursor by screen pixels; it starts in the middle and takes the view along. */
  moveCursor(dx: number, dy: number): void {
    const session = this.ports.session();
    if (!session) return;
    const view = this.ports.stores.view.get();
    const { momentary } = this.ports;
    const middle = toImage(view, screenPoint(view.canvas.width / 2, view.canvas.height / 2));
    const from = momentary.cursor ?? middle;
    const to = { x: from.x + dx / view.scale, y: from.y + dy / view.scale };
    momentary.cursor = clampToImage({ width: session.size.width - 0.5, height: session.size.height - 0.5 }, to);
    const place = toScreen(view, momentary.cursor);
    const isOutside =
      place.x < 20 || place.y < 20 || place.x > view.canvas.width - 20 || place.y > view.canvas.height - 20;
    if (isOutside) this.ports.viewing().pan(-dx, -dy);
    if (this.current.isBusy()) this.current.move(keyPointer(momentary.cursor, 0));
    else this.hover(momentary.cursor);
    const { x, y } = momentary.cursor;
    this.ports.stores.announcement.set(`announce.cursor|${Math.round(x)}, ${Math.round(y)}|${Date.now()}`);
    this.ports.viewing().overlayChanged();
  }

  /** Whether the tool in hand makes or changes masks. */
  get isDrawing(): boolean {
    const tool = this.ports.stores.tool.get();
    return tool !== "select" && tool !== "comment";
  }

  private editable(): ImageSession | null {
    return this.ports.canEdit() ? this.ports.session() : null;
  }
}

function keyPointer(point: ImagePoint, button: 0 | 2): ToolPointer {
  return { point, button, isAlt: false, isShift: false, isCtrl: false, pressure: 0.5, device: "mouse" };
}
