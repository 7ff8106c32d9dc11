/** The small marks above the masks: prompts, boxes, cursors. All draw in CSS pixels. */
import type { BoxXyxy, ImagePoint, ScreenPoint } from "../geometry/types";
import { toScreen, type Viewport } from "../geometry/viewport";

const FOREGROUND = "#1faa59";
const BACKGROUND = "#d64545";
const SHADE = "rgb(0 0 0 / 0.65)";

/** A 9 px dot with a white ring; plus or minus inside, so that shape tells as much as colour. */
export function drawPrompt(context: CanvasRenderingContext2D, at: ScreenPoint, label: 0 | 1): void {
  context.beginPath();
  context.arc(at.x, at.y, 7, 0, Math.PI * 2);
  context.fillStyle = SHADE;
  context.fill();
  context.beginPath();
  context.arc(at.x, at.y, 6, 0, Math.PI * 2);
  context.fillStyle = "#ffffff";
  context.fill();
  context.beginPath();
  context.arc(at.x, at.y, 4.5, 0, Math.PI * 2);
  context.fillStyle = label === 1 ? FOREGROUND : BACKGROUND;
  context.fill();
  context.fillStyle = "#ffffff";
  context.fillRect(at.x - 2.5, at.y - 0.75, 5, 1.5);
  if (label === 1) context.fillRect(at.x - 0.75, at.y - 2.5, 1.5, 5);
}

/** A cross over a point that a click would take away. */
export function drawRemoval(context: CanvasRenderingContext2D, at: ScreenPoint): void {
  context.beginPath();
  context.arc(at.x, at.y, 11, 0, Math.PI * 2);
  strokeTwice(context, "#ffffff", []);
  context.beginPath();
  for (const [dx, dy] of [
    [1, 1],
    [1, -1],
  ]) {
    context.moveTo(at.x - dx * 5, at.y - dy * 5);
    context.lineTo(at.x + dx * 5, at.y + dy * 5);
  }
  strokeTwice(context, "#ffffff", []);
}

function strokeTwice(context: CanvasRenderingContext2D, color: string, dash: number[]): void {
  context.setLineDash([]);
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / 0.4)";
  context.stroke();
  context.setLineDash(dash);
  context.lineWidth = 1.5;
  context.strokeStyle = color;
  context.stroke();
  context.setLineDash([]);
}

export function drawDashedBox(context: CanvasRenderingContext2D, view: Viewport, box: BoxXyxy, color: string): void {
  const first = toScreen(view, { x: box.x0, y: box.y0 });
  const last = toScreen(view, { x: box.x1, y: box.y1 });
  context.beginPath();
  context.rect(first.x, first.y, last.x - first.x, last.y - first.y);
  strokeTwice(context, color, [6, 4]);
}

export function drawDashedPath(
  context: CanvasRenderingContext2D,
  view: Viewport,
  points: readonly ImagePoint[],
  isSubtracting: boolean,
): void {
  context.beginPath();
  points.map((point) => toScreen(view, point)).forEach(({ x, y }) => context.lineTo(x, y));
  strokeTwice(context, isSubtracting ? "#ff8f8f" : "#ffffff", [5, 4]);
  const first = toScreen(view, points[0]);
  context.beginPath();
  context.arc(first.x, first.y, 4, 0, Math.PI * 2);
  context.fillStyle = "#ffffff";
  context.fill();
}

export function drawBrushCursor(
  context: CanvasRenderingContext2D,
  view: Viewport,
  brush: {
    readonly point: ImagePoint;
    readonly radius: number;
    readonly shape: "round" | "square";
    readonly isErasing: boolean;
  },
): void {
  const at = toScreen(view, brush.point);
  const radius = Math.max(brush.radius * view.scale, 1);
  context.beginPath();
  if (brush.shape === "round") context.arc(at.x, at.y, radius, 0, Math.PI * 2);
  else context.rect(at.x - radius, at.y - radius, radius * 2, radius * 2);
  strokeTwice(context, brush.isErasing ? "#ffb3b3" : "#ffffff", brush.isErasing ? [4, 3] : []);
}

/** The cursor that the arrow keys move. */
export function drawCross(context: CanvasRenderingContext2D, at: ScreenPoint): void {
  context.beginPath();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    context.moveTo(at.x + dx * 4, at.y + dy * 4);
    context.lineTo(at.x + dx * 14, at.y + dy * 14);
  }
  strokeTwice(context, "#ffffff", []);
}

/** A ring around something too small to notice. */
export function drawSpotlight(context: CanvasRenderingContext2D, view: Viewport, box: BoxXyxy): void {
  const centre = toScreen(view, { x: (box.x0 + box.x1) / 2, y: (box.y0 + box.y1) / 2 });
  const radius = Math.max((Math.max(box.x1 - box.x0, box.y1 - box.y0) / 2) * view.scale * 1.5, 10);
  context.beginPath();
  context.arc(centre.x, centre.y, radius, 0, Math.PI * 2);
  strokeTwice(context, "#ffd54a", []);
}
