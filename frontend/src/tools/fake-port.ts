/** An editor port that writes down what tools ask for, and pointers as tests speak of them. */
import type { Dab } from "../geometry/strokes";
import type { BoxXyxy, ImagePoint } from "../geometry/types";
import { addPoint, EMPTY_DRAFT, type Draft } from "../model/draft";
import { DEFAULT_BRUSH, type BrushSettings } from "../model/view-settings";
import type { EditorPort, Tool, ToolPointer } from "./port";

export class FakePort implements EditorPort {
  readonly calls: string[] = [];
  scale = 1;
  draft: Draft | null = null;
  pointedPrompt = -1;
  brush: BrushSettings = { ...DEFAULT_BRUSH, size: 10 };

  /** A draft that already has a foreground point there. */
  withPoint(x: number, y: number): this {
    this.draft = addPoint(EMPTY_DRAFT, { x, y }, 1);
    return this;
  }

  addPoint = ({ x, y }: ImagePoint, label: 0 | 1): void => this.note("addPoint", x, y, label);
  setBox = ({ x0, y0, x1, y1 }: BoxXyxy): void => this.note("setBox", x0, y0, x1, y1);
  removePrompt = (index: number): void => this.note("removePrompt", index);
  pointAtPrompt = (index: number): void => {
    this.pointedPrompt = index;
  };
  beginPointDrag = (): void => this.note("beginPointDrag");
  dragPoint = (index: number, { x, y }: ImagePoint): void => this.note("dragPoint", index, x, y);
  endPointDrag = (): void => this.note("endPointDrag");
  cancelGesture = (): void => this.note("cancelGesture");
  hover = (point: ImagePoint | null): void => {
    if (point) this.note("hover", point.x, point.y);
  };
  pick = ({ x, y }: ImagePoint, isAdditive: boolean): void => this.note("pick", x, y, isAdditive);
  commentAt = ({ x, y }: ImagePoint): void => this.note("commentAt", x, y);
  panBy = (dx: number, dy: number): void => this.note("panBy", dx, dy);
  beginStroke = (isErasing: boolean): void => this.note("beginStroke", isErasing);
  extendStroke = (from: Dab, to: Dab): void =>
    this.note("extendStroke", from.point.x, from.point.y, to.point.x, to.point.y, to.radius);
  endStroke = (): void => this.note("endStroke");
  applyLasso = (points: readonly ImagePoint[], mode: string): void => this.note("applyLasso", points.length, mode);
  show = (): void => undefined;

  private note(name: string, ...values: readonly (number | boolean | string)[]): void {
    this.calls.push([name, ...values].join(" "));
  }
}

/** Drives a tool: `pointer(tool).down(10, 10).move(30, 40).up(30, 40)`. */
export function pointer(tool: Tool, how: Partial<ToolPointer> = {}) {
  const at = (x: number, y: number): ToolPointer => ({
    point: { x, y },
    button: 0,
    isAlt: false,
    isShift: false,
    isCtrl: false,
    pressure: 0.5,
    device: "mouse",
    ...how,
  });
  const driver = {
    down: (x: number, y: number) => (tool.down(at(x, y)), driver),
    move: (x: number, y: number) => (tool.move(at(x, y)), driver),
    up: (x: number, y: number) => (tool.up(at(x, y)), driver),
    click: (x: number, y: number) => driver.down(x, y).up(x, y),
  };
  return driver;
}
