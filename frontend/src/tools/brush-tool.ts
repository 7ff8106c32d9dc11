/** Brush and eraser. Alt turns one into the other for a stroke; Shift draws straight from where the last stroke ended. */
import type { Dab } from "../geometry/strokes";
import type { EditorPort, Tool, ToolPointer } from "./port";

type State = { readonly name: "idle" } | { readonly name: "painting"; readonly last: Dab; readonly isErasing: boolean };

/** The lightest touch of a pen paints with this share of the brush. */
const LEAST_PRESSURE_SHARE = 0.3;

export class BrushTool implements Tool {
  private state: State = { name: "idle" };
  private lastEnd: Dab | null = null;

  constructor(
    readonly id: "brush" | "eraser",
    private readonly port: EditorPort,
  ) {}

  down(pointer: ToolPointer): void {
    const isErasing = this.erases(pointer);
    const dab = this.dabOf(pointer);
    const from = pointer.isShift && this.lastEnd ? this.lastEnd : dab;
    this.port.beginStroke(isErasing);
    this.port.extendStroke(from, dab);
    this.state = { name: "painting", last: dab, isErasing };
    this.showCursor(dab, isErasing);
  }

  move(pointer: ToolPointer): void {
    const dab = this.dabOf(pointer);
    if (this.state.name === "painting") {
      this.port.extendStroke(this.state.last, dab);
      this.state = { ...this.state, last: dab };
      this.showCursor(dab, this.state.isErasing);
    } else this.showCursor({ ...dab, radius: this.port.brush.size / 2 }, this.erases(pointer));
  }

  up(): void {
    if (this.state.name !== "painting") return;
    this.lastEnd = this.state.last;
    this.state = { name: "idle" };
    this.port.endStroke();
  }

  cancel(): void {
    if (this.state.name === "painting") this.port.cancelGesture();
    this.state = { name: "idle" };
    this.port.show(null);
  }

  confirm(): boolean {
    return false;
  }

  isBusy(): boolean {
    return this.state.name === "painting";
  }

  private erases(pointer: ToolPointer): boolean {
    return (this.id === "eraser") !== (pointer.isAlt || pointer.button === 2);
  }

  private dabOf(pointer: ToolPointer): Dab {
    const { size, hasPressure } = this.port.brush;
    const feels = pointer.device === "pen" && hasPressure;
    const share = feels ? LEAST_PRESSURE_SHARE + (1 - LEAST_PRESSURE_SHARE) * pointer.pressure : 1;
    return { point: pointer.point, radius: (size / 2) * share };
  }

  private showCursor(dab: Dab, isErasing: boolean): void {
    this.port.show({ kind: "brush", dab, shape: this.port.brush.shape, isErasing });
  }
}
