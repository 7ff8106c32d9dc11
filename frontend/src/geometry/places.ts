/**
 * Where in what no mask covers an object is likely: proposals ranked by how sure the model is of them and how little of
 * them is covered, then the bare gaps that no proposal names. Pure.
 */
import { boxesMeet } from "./boxes";
import type { Coverage, Gap } from "./coverage";
import type { BoxXyxy, ImagePoint, Size } from "./types";

/** A mask that somebody, or the model, takes for an object. */
export interface Proposal {
  readonly bounds: BoxXyxy;
  /** How sure the model is that this is one object, 0 to 1. */
  readonly score: number;
  readonly contains: (x: number, y: number) => boolean;
}

export interface Place {
  readonly box: BoxXyxy;
  /** How likely an object without a mask is there, 0 to 1; null where nobody knows. */
  readonly likelihood: number | null;
}

/** What is more than half covered has its mask already. */
const LEAST_UNCOVERED = 0.5;
/** What the model is less sure of than this is no better than a bare gap. */
const LEAST_SCORE = 0.5;
/** Larger than this share of the photo it is the background rather than a thing. */
const MOST_OF_PHOTO = 0.6;
/** Two proposals that agree as much as this, as intersection over union, are one object. */
const SAME_IOU = 0.5;
/** So many places to ask about lie along the photo's long side. */
const QUESTIONS_A_SIDE = 7;

interface Ranked {
  readonly cells: ReadonlySet<number>;
  readonly place: Place;
}

export function rankPlaces(proposals: readonly Proposal[], coverage: Coverage, gaps: readonly Gap[]): Place[] {
  const ranked = proposals.flatMap((proposal) => rank(proposal, coverage) ?? []);
  ranked.sort((a, b) => (b.place.likelihood ?? 0) - (a.place.likelihood ?? 0));
  const kept: Ranked[] = [];
  for (const one of ranked) if (kept.every((other) => overlap(one.cells, other.cells) < SAME_IOU)) kept.push(one);
  const bare = gaps.map(boxOfGap).filter((box) => !kept.some(({ place }) => holdsMiddle(place.box, box)));
  return [...kept.map(({ place }) => place), ...bare.map((box) => ({ box, likelihood: null }))];
}

function rank(proposal: Proposal, coverage: Coverage): Ranked | null {
  if (proposal.score < LEAST_SCORE) return null;
  const cells = cellsOf(proposal, coverage);
  const open = [...cells].filter((at) => coverage.distance[at] > 0).length / Math.max(cells.size, 1);
  if (open < LEAST_UNCOVERED || cells.size > coverage.distance.length * MOST_OF_PHOTO) return null;
  return { cells, place: { box: proposal.bounds, likelihood: proposal.score * open } };
}

/** The cells whose middle a proposal holds; at least the one in its own middle. */
function cellsOf({ bounds, contains }: Proposal, { columns, rows, cell }: Coverage): Set<number> {
  const cells = new Set<number>();
  const [left, top] = [Math.floor(bounds.x0 / cell), Math.floor(bounds.y0 / cell)];
  for (let row = top; row < Math.min(Math.ceil(bounds.y1 / cell), rows); row++) {
    for (let column = left; column < Math.min(Math.ceil(bounds.x1 / cell), columns); column++) {
      if (contains((column + 0.5) * cell, (row + 0.5) * cell)) cells.add(row * columns + column);
    }
  }
  const middle = { x: (bounds.x0 + bounds.x1) / 2, y: (bounds.y0 + bounds.y1) / 2 };
  if (cells.size === 0) cells.add(Math.floor(middle.y / cell) * columns + Math.floor(middle.x / cell));
  return cells;
}

function overlap(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  const shared = [...a].filter((at) => b.has(at)).length;
  return shared / (a.size + b.size - shared);
}

function boxOfGap({ middle, radius }: Gap): BoxXyxy {
  return { x0: middle.x - radius, y0: middle.y - radius, x1: middle.x + radius, y1: middle.y + radius };
}

function holdsMiddle(box: BoxXyxy, other: BoxXyxy): boolean {
  const [x, y] = [(other.x0 + other.x1) / 2, (other.y0 + other.y1) / 2];
  return boxesMeet(box, { x0: x, y0: y, x1: x, y1: y });
}

/**
 * Where to ask the model: a grid over what is not covered, in an order that soon has been everywhere, and the middles
 * of gaps that the grid misses.
 */
export function questionsFor(coverage: Coverage, gaps: readonly Gap[]): ImagePoint[] {
  const { columns, rows, cell, distance } = coverage;
  const step = Math.max(Math.round(Math.max(columns, rows) / QUESTIONS_A_SIDE), 1);
  const grid: ImagePoint[] = [];
  for (let row = step >> 1; row < rows; row += step) {
    for (let column = step >> 1; column < columns; column += step) {
      if (distance[row * columns + column] > 1) grid.push({ x: (column + 0.5) * cell, y: (row + 0.5) * cell });
    }
  }
  const isMissed = ({ middle }: Gap): boolean =>
    grid.every(({ x, y }) => Math.hypot(x - middle.x, y - middle.y) > (step * cell) / 2);
  return [...scattered(grid), ...gaps.filter(isMissed).map(({ middle }) => middle)];
}

/** The same things, neighbours far from each other: those whose places end in the same binary digits together. */
function scattered<T>(things: readonly T[]): T[] {
  const digits = Math.ceil(Math.log2(Math.max(things.length, 2)));
  const order = Array.from({ length: 2 ** digits }, (_, i) => reversedBits(i, digits));
  return order.filter((at) => at < things.length).map((at) => things[at]);
}

function reversedBits(value: number, digits: number): number {
  let reversed = 0;
  for (let i = 0; i < digits; i++) reversed |= ((value >> i) & 1) << (digits - 1 - i);
  return reversed;
}

/** So much of what lies around a thing is shown with it. */
const ROOM_AROUND = 1.6;
/** At least this share of the photo's long side is shown. */
const LEAST_SHOWN = 0.25;

/** A box with its surroundings, as far as the photo reaches. */
export function withSurroundings({ x0, y0, x1, y1 }: BoxXyxy, { width, height }: Size): BoxXyxy {
  const least = (Math.max(width, height) * LEAST_SHOWN) / 2;
  const [halfWidth, halfHeight] = [x1 - x0, y1 - y0].map((side) => Math.max((side / 2) * ROOM_AROUND, least));
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return {
    x0: Math.max(x - halfWidth, 0),
    y0: Math.max(y - halfHeight, 0),
    x1: Math.min(x + halfWidth, width),
    y1: Math.min(y + halfHeight, height),
  };
}
