/**
 * Points and boxes for the model. Click: foreground; right or Alt click: background; drag: box; a point can be dragged
 * or clicked away.
 */
import type { ImagePoint } from "../geometry/types";
import {
  boxBetween,
  distance,
  DRAG_THRESHOLD_PX,
  promptAt,
  type EditorPort,
  type Tool,
  type ToolPointer,
} from "./port";

type State =
  | { readonly name: "idle" }
  | { readonly name: "pressing"; readonly start: ImagePoint; readonly label: 0 | 1 }
  | { readonly name: "pressing-prompt"; readonly start: ImagePoint; readonly index: number }
  | { readonly name: "dragging-box"; readonly start: ImagePoint }
  | { readonly name: "dragging-point"; readonly index: number };

export class PromptTool implements Tool {
  private state: State = { name: "idle" };

  constructor(
    readonly id: "points" | "box",
    private readonly port: EditorPort,
  ) {}

  down(pointer: ToolPointer): void {
    const { point } = pointer;
    const index = promptAt(this.port, pointer);
    const { promptLabel } = this.port.brush;
    const isOther = pointer.button === 2 || pointer.isAlt;
    const label = isOther === (promptLabel === 1) ? 0 : 1;
    if (index >= 0) this.state = { name: "pressing-prompt", start: point, index };
    else this.state = { name: "pressing", start: point, label };
    // The model begins when the button goes down; by the time it comes up the answer is there or close.
    this.port.hover(index < 0 && label === 1 ? point : null);
  }

  move(pointer: ToolPointer): void {
    const { state } = this;
    switch (state.name) {
      case "idle":
        this.port.pointAtPrompt(promptAt(this.port, pointer));
        this.port.hover(pointer.point);
        return;
      case "pressing":
        if (state.label === 0 || !this.isDrag(state.start, pointer)) return;
        this.port.hover(null);
        this.state = { name: "dragging-box", start: state.start };
        this.showBox(state.start, pointer.point);
        return;
      case "pressing-prompt":
        if (!this.isDrag(state.start, pointer)) return;
        this.state = { name: "dragging-point", index: state.index };
        this.port.beginPointDrag();
        this.port.dragPoint(state.index, pointer.point);
        return;
      case "dragging-box":
        this.showBox(state.start, pointer.point);
        return;
      case "dragging-point":
        this.port.dragPoint(state.index, pointer.point);
    }
  }

  up(pointer: ToolPointer): void {
    const { state } = this;
    this.state = { name: "idle" };
    switch (state.name) {
      case "idle":
        return;
      case "pressing":
        this.port.addPoint(state.start, state.label);
        return;
      case "pressing-prompt":
        this.port.pointAtPrompt(-1);
        this.port.removePrompt(state.index);
        return;
      case "dragging-box":
        this.port.show(null);
        this.port.setBox(boxBetween(state.start, pointer.point));
        return;
      case "dragging-point":
        this.port.endPointDrag();
    }
  }

  cancel(): void {
    if (this.state.name === "dragging-point") this.port.cancelGesture();
    this.state = { name: "idle" };
    this.port.show(null);
    this.port.hover(null);
    this.port.pointAtPrompt(-1);
  }

  confirm(): boolean {
    return false;
  }

  isBusy(): boolean {
    return this.state.name !== "idle";
  }

  private isDrag(start: ImagePoint, pointer: ToolPointer): boolean {
    return distance(start, pointer.point) * this.port.scale > DRAG_THRESHOLD_PX;
  }

  private showBox(start: ImagePoint, end: ImagePoint): void {
    this.port.show({ kind: "box", box: boxBetween(start, end) });
  }
}
