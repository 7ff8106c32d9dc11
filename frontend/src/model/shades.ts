/**
 * Which shade of its label's colour each mask gets, so that masks of one label that meet can be told apart. Pure.
 *
 * Older masks choose first, so a new one never changes how those before it look.
 */
import type { BoxXyxy } from "../geometry/types";
import type { MaskRecord } from "./mask-record";

type Shaded = Pick<MaskRecord, "id" | "labelId" | "bounds" | "createdAt" | "state">;

/** Masks whose boxes are no further apart than this many pixels count as meeting. */
const REACH_PX = 2;

/** `preferred`: the shade, below `count`, that a mask has where no neighbour has it. */
export function shadesOf(
  masks: readonly Shaded[],
  count: number,
  preferred: (id: string) => number,
): ReadonlyMap<string, number> {
  const neighbours = neighboursOf(masks.filter(({ state }) => state !== "rejected"));
  const shades = new Map<string, number>();
  const byAge = [...neighbours.keys()].sort((a, b) => compare(a.createdAt, b.createdAt) || compare(a.id, b.id));
  for (const mask of byAge) {
    const taken = new Array<number>(count).fill(0);
    for (const { id } of neighbours.get(mask) ?? []) {
      const shade = shades.get(id);
      if (shade !== undefined) taken[shade]++;
    }
    shades.set(mask.id, leastTaken(taken, preferred(mask.id)));
  }
  return shades;
}

/** The preferred shade, unless another one is taken less often. */
function leastTaken(taken: readonly number[], preferred: number): number {
  const least = Math.min(...taken);
  return taken[preferred] === least ? preferred : taken.indexOf(least);
}

/** For each mask those of the same label whose boxes meet its own: one sweep from left to right. */
function neighboursOf(masks: readonly Shaded[]): Map<Shaded, Shaded[]> {
  const found = new Map<Shaded, Shaded[]>(masks.map((mask) => [mask, []]));
  const open = new Map<number | null, Shaded[]>();
  for (const mask of [...masks].sort((a, b) => a.bounds.x0 - b.bounds.x0)) {
    const still = (open.get(mask.labelId) ?? []).filter(({ bounds }) => bounds.x1 + REACH_PX >= mask.bounds.x0);
    for (const other of still) {
      if (!meetVertically(mask.bounds, other.bounds)) continue;
      found.get(mask)?.push(other);
      found.get(other)?.push(mask);
    }
    open.set(mask.labelId, [...still, mask]);
  }
  return found;
}

function meetVertically(a: BoxXyxy, b: BoxXyxy): boolean {
  return a.y0 <= b.y1 + REACH_PX && b.y0 <= a.y1 + REACH_PX;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
