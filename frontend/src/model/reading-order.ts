/** Masks in the order in which a page is read: line by line from the top, each line from the left. Pure. */
import type { BoxXyxy } from "../geometry/types";

interface Placed {
  readonly id: string;
  readonly bounds: BoxXyxy;
}

/** A line holds what has its middle within a quarter of the height of its first thing below that one's middle. */
export function inReadingOrder<T extends Placed>(masks: readonly T[]): T[] {
  const waiting = [...masks].sort((a, b) => middle(a) - middle(b) || a.bounds.x0 - b.bounds.x0);
  const lines: T[][] = [];
  let end = -Infinity;
  for (const mask of waiting) {
    if (middle(mask) <= end) lines[lines.length - 1].push(mask);
    else {
      lines.push([mask]);
      end = middle(mask) + (mask.bounds.y1 - mask.bounds.y0) / 4;
    }
  }
  return lines.flatMap((line) => line.sort((a, b) => a.bounds.x0 - b.bounds.x0 || middle(a) - middle(b)));
}

/** The first of `ordered` after the last of `passed`, around the end; undefined when all have been passed. */
export function nextAfter<T extends Placed>(ordered: readonly T[], passed: ReadonlySet<string>): T | undefined {
  const last = ordered.findLastIndex(({ id }) => passed.has(id));
  const around = [...ordered.slice(last + 1), ...ordered.slice(0, last + 1)];
  return around.find(({ id }) => !passed.has(id));
}

function middle({ bounds }: Placed): number {
  return (bounds.y0 + bounds.y1) / 2;
}
