/**
 * Masks that obey their prompts: a foreground click lies inside, a background click outside, whatever the model says, and
 * an object ends where its box does. Mirrors masks/obeyed.py of sam_core, which states the rule; fixtures/golden/obeyed
 * holds both to the same bits. ADR 0021 and 0023.
 */
import type { BoxXyxy, LowResLogits } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import { isBeyond, obeyBox } from "./boxed";
import { cellsOnPhoto } from "./cells";
import { addHill, distanceToSign, LEAST_REACH, readAt, type Place, type Plane } from "./hills";
import { BACKGROUND, FOREGROUND, TOP_LEFT, type PromptTokens } from "./prompt-tokens";

const FIRM = 0.5;
const CERTAIN = 3;
/** Cells. */
const REACH = 10;

interface Click extends Place {
  readonly sign: 1 | -1;
}

/** Logits whose mask above zero obeys the prompts; the very same ones where it does already. */
export function withPromptsObeyed(raw: LowResLogits, tokens: PromptTokens, geometry: MaskGeometry): LowResLogits {
  const { side } = raw;
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const cellsPerPixel = side / geometry.imageSize;
  const edges = edgesOf(tokens, cellsPerPixel);
  const places = edges.map(({ x, y }) => ({ x: x + 0.5 * cellsPerPixel, y: y + 0.5 * cellsPerPixel }));
  const box = boxOf(tokens, edges, places);
  let { data } = raw;
  if (box) {
    data = data.slice();
    obeyBox({ data, side, rows, columns }, box);
  }
  // the photo's last pixels are read from the padding as well
  const read = { side, rows: Math.min(side, rows + 1), columns: Math.min(side, columns + 1) };
  const clicks = clicksOf(tokens, places, read);
  for (const click of clicks) {
    if (readAt({ data, ...read }, click) * click.sign >= FIRM) continue;
    if (data === raw.data) data = data.slice();
    const plane = { data, ...read };
    addHill(plane, click, click.sign * CERTAIN, reachOf(click, clicks, plane));
  }
  return data === raw.data ? raw : { data, side };
}

/** Where the prompts lie among cells if they lie between pixels, as a box's corners do; a click lies in a pixel's middle. */
function edgesOf({ coords, labels }: PromptTokens, cellsPerPixel: number): Place[] {
  const edge = (at: number): number => at * cellsPerPixel - 0.5;
  return Array.from(labels, (_, i) => ({ x: edge(coords[2 * i]), y: edge(coords[2 * i + 1]) }));
}

/** The box among the prompts if it says where the object ends: not once somebody has clicked beyond it. */
function boxOf({ labels }: PromptTokens, edges: readonly Place[], places: readonly Place[]): BoxXyxy | null {
  const at = labels.indexOf(TOP_LEFT);
  if (at < 0) return null;
  const box = { x0: edges[at].x, y0: edges[at].y, x1: edges[at + 1].x, y1: edges[at + 1].y };
  return places.some((place, i) => labels[i] === FOREGROUND && isBeyond(box, place)) ? null : box;
}

function clicksOf({ labels }: PromptTokens, places: readonly Place[], { rows, columns }: Omit<Plane, "data">): Click[] {
  const within = (at: number, count: number): number => Math.min(count - 1, Math.max(0, at));
  return places.flatMap(({ x, y }, i) =>
    labels[i] === FOREGROUND || labels[i] === BACKGROUND
      ? [{ x: within(x, columns), y: within(y, rows), sign: labels[i] === FOREGROUND ? 1 : -1 }]
      : [],
  );
}

/** How far the logits may change: not to what clicks of the other kind are read from. */
function reachOf(click: Click, clicks: readonly Click[], plane: Plane): number {
  let reach = 2 * distanceToSign(plane, click, click.sign);
  for (const { x, y, sign } of clicks) {
    if (sign === click.sign) continue;
    const [across, down] = [x - click.x, y - click.y];
    reach = Math.min(reach, Math.sqrt(across * across + down * down) - 1);
  }
  return Math.min(REACH, Math.max(LEAST_REACH, reach));
}
