/** Pick masks by click (again: the one below), or the place of a comment; pan by dragging. */
import type { ImagePoint } from "../geometry/types";
import { distance, DRAG_THRESHOLD_PX, type EditorPort, type Tool, type ToolPointer } from "./port";

type State =
  | { readonly name: "idle" }
  | { readonly name: "pressing"; readonly start: ImagePoint; readonly isAdditive: boolean }
  | { readonly name: "panning"; readonly held: ImagePoint };

export class SelectTool implements Tool {
  private state: State = { name: "idle" };

  constructor(
    readonly id: "select" | "comment",
    private readonly port: EditorPort,
  ) {}

  down(pointer: ToolPointer): void {
    const isAdditive = pointer.isShift || pointer.isCtrl || this.port.brush.isSelectingSeveral;
    this.state = { name: "pressing", start: pointer.point, isAdditive };
  }

  move(pointer: ToolPointer): void {
    const { state } = this;
    if (state.name === "idle") {
      this.port.hover(pointer.point);
      return;
    }
    const held = state.name === "panning" ? state.held : state.start;
    if (state.name === "pressing") {
      if (distance(held, pointer.point) * this.port.scale <= DRAG_THRESHOLD_PX) return;
      this.state = { name: "panning", held };
    }
    // Points are told in image pixels of the moment, so the held point lies under the pointer again after the pan.
    this.port.panBy(pointer.point.x - held.x, pointer.point.y - held.y);
  }

  up(): void {
    const { state } = this;
    this.state = { name: "idle" };
    if (state.name !== "pressing") return;
    if (this.id === "comment") this.port.commentAt(state.start);
    else this.port.pick(state.start, state.isAdditive);
  }

  cancel(): void {
    this.state = { name: "idle" };
    this.port.hover(null);
  }

  confirm(): boolean {
    return false;
  }

  isBusy(): boolean {
    return this.state.name === "panning";
  }
}
