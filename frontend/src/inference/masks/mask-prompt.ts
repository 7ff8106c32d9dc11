/**
 * The mask prompt as the graphs take it: on the model's own grid, and, for a model that sketches, with clicks and box
 * drawn in. Mirrors sam_core/modeling/prompt_sketch.py; fixtures/golden/sketch holds both to the same numbers.
 */
import type { LowResLogits } from "../../geometry/types";
import type { Manifest } from "../protocol/manifest";
import { BACKGROUND, FOREGROUND, TOP_LEFT, type PromptTokens } from "./prompt-tokens";

const DISK_RADIUS_PX = 5;
const CERTAIN = 8;
const IN_BOX = 2;

type Grid = Pick<Manifest, "geometry" | "maskSide">;

/** What the graph gets: null means that the graph for a first click will do. Never the array it was given. */
export function maskPromptFor(
  manifest: Grid & Pick<Manifest, "sketches">,
  tokens: PromptTokens,
  maskInput: LowResLogits | null,
): Float32Array | null {
  const previous = maskInput && fitToGrid(maskInput, manifest.maskSide).data;
  return manifest.sketches ? sketch(manifest, tokens, previous) : previous;
}

/** Draw clicks into a previous mask, or into the box if there is none; null without both. */
export function sketch(grid: Grid, tokens: PromptTokens, previous: Float32Array | null): Float32Array | null {
  const drawn = previous ?? boxGround(grid, tokens);
  if (!drawn) return null;
  // background last: it lies over foreground
  for (const label of [FOREGROUND, BACKGROUND]) {
    tokens.labels.forEach((kind, i) => {
      if (kind !== label) return;
      const [x, y] = [tokens.coords[2 * i], tokens.coords[2 * i + 1]];
      drawDisk(drawn, grid, x, y, label === FOREGROUND ? CERTAIN : -CERTAIN);
    });
  }
  return drawn;
}

function boxGround({ geometry, maskSide }: Grid, { coords, labels }: PromptTokens): Float32Array | null {
  const at = labels.indexOf(TOP_LEFT);
  if (at < 0) return null;
  const [x0, y0, x1, y1] = coords.subarray(2 * at, 2 * at + 4);
  const cell = geometry.imageSize / maskSide;
  const ground = new Float32Array(maskSide * maskSide).fill(-CERTAIN);
  for (let row = 0; row < maskSide; row++) {
    const y = (row + 0.5) * cell;
    if (y < y0 || y > y1) continue;
    for (let column = 0; column < maskSide; column++) {
      const x = (column + 0.5) * cell;
      if (x >= x0 && x <= x1) ground[row * maskSide + column] = IN_BOX;
    }
  }
  return ground;
}

function drawDisk(drawn: Float32Array, { geometry, maskSide }: Grid, x: number, y: number, value: number): void {
  const cell = geometry.imageSize / maskSide;
  const [centreX, centreY] = [x + 0.5, y + 0.5];
  const reach = (centre: number): [number, number] => [
    Math.max(0, Math.floor((centre - DISK_RADIUS_PX) / cell - 0.5)),
    Math.min(maskSide - 1, Math.ceil((centre + DISK_RADIUS_PX) / cell)),
  ];
  const [top, bottom] = reach(centreY);
  const [left, right] = reach(centreX);
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const [dx, dy] = [(column + 0.5) * cell - centreX, (row + 0.5) * cell - centreY];
      if (dx * dx + dy * dy <= DISK_RADIUS_PX ** 2) drawn[row * maskSide + column] = value;
    }
  }
}

/** Copy logits to the model's grid by bilinear sampling: a mask given back is drawn on one of its own. */
export function fitToGrid({ data, side }: LowResLogits, wanted: number): LowResLogits {
  if (side === wanted) return { data: data.slice(), side };
  const out = new Float32Array(wanted * wanted);
  const taps = Array.from({ length: wanted }, (_, i) => {
    const at = Math.min(side - 1, Math.max(0, ((i + 0.5) * side) / wanted - 0.5));
    const low = Math.min(side - 2, Math.floor(at));
    return { low, weight: at - low };
  });
  taps.forEach((vertical, row) => {
    const above = vertical.low * side;
    taps.forEach((across, column) => {
      const at = above + across.low;
      const upper = data[at] + (data[at + 1] - data[at]) * across.weight;
      const lower = data[at + side] + (data[at + side + 1] - data[at + side]) * across.weight;
      out[row * wanted + column] = upper + (lower - upper) * vertical.weight;
    });
  });
  return { data: out, side: wanted };
}
