/**
 * A polygon by clicks, or freehand by dragging. Closing it adds, subtracts or splits; Alt subtracts for once.
 * A click on the first corner, Enter or a freehand release closes it.
 */
import type { ImagePoint } from "../geometry/types";
import { distance, DRAG_THRESHOLD_PX, PROMPT_REACH_PX, type EditorPort, type Tool, type ToolPointer } from "./port";

type State =
  | { readonly name: "idle" }
  | { readonly name: "clicking"; readonly points: readonly ImagePoint[]; readonly isPressed: boolean }
  | { readonly name: "drawing"; readonly points: readonly ImagePoint[] };

export class LassoTool implements Tool {
  readonly id = "lasso";
  private state: State = { name: "idle" };
  private isSubtracting = false;

  constructor(private readonly port: EditorPort) {}

  down(pointer: ToolPointer): void {
    const points = this.state.name === "clicking" ? this.state.points : [];
    if (points.length === 0) this.isSubtracting = pointer.isAlt || pointer.button === 2;
    if (points.length >= this.leastPoints() && this.isNear(points[0], pointer)) {
      this.close(points);
      return;
    }
    this.state = { name: "clicking", points: [...points, pointer.point], isPressed: true };
    this.showPath(this.state.points);
  }

  move(pointer: ToolPointer): void {
    const { state } = this;
    if (state.name === "idle") return;
    const last = state.points[state.points.length - 1];
    const away = distance(last, pointer.point) * this.port.scale;
    if (state.name === "clicking" && !(state.isPressed && state.points.length === 1 && away > DRAG_THRESHOLD_PX)) {
      this.showPath([...state.points, pointer.point]);
      return;
    }
    if (state.name === "drawing" && away < 2) return;
    this.state = { name: "drawing", points: [...state.points, pointer.point] };
    this.showPath(this.state.points);
  }

  up(): void {
    if (this.state.name === "drawing") this.close(this.state.points);
    else if (this.state.name === "clicking") this.state = { ...this.state, isPressed: false };
  }

  cancel(): void {
    this.state = { name: "idle" };
    this.port.show(null);
  }

  confirm(): boolean {
    if (this.state.name !== "clicking") return false;
    this.close(this.state.points);
    return true;
  }

  isBusy(): boolean {
    return this.state.name !== "idle";
  }

  private close(points: readonly ImagePoint[]): void {
    const mode = this.isSubtracting ? "subtract" : this.port.brush.lassoMode;
    this.cancel();
    if (points.length >= this.leastPoints()) this.port.applyLasso(points, mode);
  }

  /** A split needs a line, everything else an area. */
  private leastPoints(): number {
    return this.port.brush.lassoMode === "split" && !this.isSubtracting ? 2 : 3;
  }

  private isNear(a: ImagePoint, { point: b, device }: ToolPointer): boolean {
    return distance(a, b) * this.port.scale <= PROMPT_REACH_PX[device];
  }

  private showPath(points: readonly ImagePoint[]): void {
    this.port.show({ kind: "path", points, isSubtracting: this.isSubtracting });
  }
}
