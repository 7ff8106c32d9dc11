/**
 * Connected parts and holes of a mask, and the clean-up built on them.
 *
 * Parts touch by edge or corner (8 neighbours), holes by edge only, as in sam_core.masks.regions.
 */
import {
  ColumnMaskBuilder,
  columnCount,
  columnRange,
  combineMasks,
  isEmpty,
  maskArea,
  maskBounds,
  maskFromBitmap,
  maskToBitmap,
  uniteMasks,
  type ColumnMask,
} from "./column-mask";
import { fillBox } from "./strokes";
import type { BoxXyxy } from "./types";

/** Split a mask into its connected parts, in order of their leftmost column. */
export function connectedParts(mask: ColumnMask, neighbours: 4 | 8): ColumnMask[] {
  const parents = joinRuns(mask, neighbours === 8 ? 1 : 0);
  const runsOfPart = new Map<number, number[]>();
  for (let run = 0; run < parents.length; run++) {
    const root = findRoot(parents, run);
    const runs = runsOfPart.get(root);
    if (runs) runs.push(run);
    else runsOfPart.set(root, [run]);
  }
  return [...runsOfPart.values()].map((runs) => pickRuns(mask, runs));
}

/** Union-find over runs: two runs of neighbouring columns join when their rows meet (`slack` 1: also at a corner). */
function joinRuns(mask: ColumnMask, slack: number): Int32Array {
  const { offsets, runs } = mask;
  const parents = Int32Array.from({ length: runs.length / 2 }, (_, i) => i);
  for (let c = 1; c < columnCount(mask); c++) {
    let left = offsets[c - 1];
    let here = offsets[c];
    while (left < offsets[c] && here < offsets[c + 1]) {
      const meet = runs[left] < runs[here + 1] + slack && runs[here] < runs[left + 1] + slack;
      if (meet) parents[findRoot(parents, here / 2)] = findRoot(parents, left / 2);
      if (runs[left + 1] < runs[here + 1]) left += 2;
      else here += 2;
    }
  }
  return parents;
}

function findRoot(parents: Int32Array, run: number): number {
  let at = run;
  while (parents[at] !== at) {
    parents[at] = parents[parents[at]]!;
    at = parents[at];
  }
  return at;
}

/** The mask made of some of another's runs, given by ascending run number. */
function pickRuns(mask: ColumnMask, runNumbers: readonly number[]): ColumnMask {
  const builder = new ColumnMaskBuilder(mask.size, mask.x0);
  let column = 0;
  for (const run of runNumbers) {
    for (; mask.offsets[column + 1] <= run * 2; column++) builder.closeColumn();
    builder.push(mask.runs[run * 2], mask.runs[run * 2 + 1]);
  }
  builder.closeColumn();
  return builder.finish();
}

/** The holes of a mask: parts of the rest that the mask encloses. The photo's edge encloses nothing. */
export function findHoles(mask: ColumnMask): ColumnMask[] {
  const box = maskBounds(mask);
  if (!box) return [];
  const rest = combineMasks(fillBox(box, mask.size), mask, "subtract");
  return connectedParts(rest, 4).filter((part) => !touchesEdge(part, box));
}

function touchesEdge(part: ColumnMask, box: BoxXyxy): boolean {
  const bounds = maskBounds(part);
  if (!bounds) return true;
  return bounds.x0 === box.x0 || bounds.y0 === box.y0 || bounds.x1 === box.x1 || bounds.y1 === box.y1;
}

/** Fill the holes of at most `maxArea` pixels. */
export function fillHoles(mask: ColumnMask, maxArea = Infinity): ColumnMask {
  const holes = findHoles(mask).filter((hole) => maskArea(hole) <= maxArea);
  return combineMasks(mask, uniteMasks(holes, mask.size), "union");
}

/** Drop the parts below `minArea` pixels; the largest part always stays. */
export function removeSpecks(mask: ColumnMask, minArea: number): ColumnMask {
  const parts = connectedParts(mask, 8);
  const largest = parts.reduce<ColumnMask | null>(
    (best, part) => (best === null || maskArea(part) > maskArea(best) ? part : best),
    null,
  );
  const kept = parts.filter((part) => part === largest || maskArea(part) >= minArea);
  return kept.length === parts.length ? mask : uniteMasks(kept, mask.size);
}

/** Stray parts and pin-holes that deserve a look: everything below `maxArea` but the largest part. */
export function findStrays(mask: ColumnMask, maxArea: number): ColumnMask[] {
  const parts = connectedParts(mask, 8).sort((a, b) => maskArea(b) - maskArea(a));
  return [...parts.slice(1), ...findHoles(mask)].filter((part) => maskArea(part) <= maxArea);
}

/** Round off the edge: each pixel takes the majority of the (2 radius + 1) square around it. */
export function smoothEdge(mask: ColumnMask, radius: number): ColumnMask {
  const bounds = maskBounds(mask);
  if (!bounds || radius < 1) return mask;
  const { width, height } = mask.size;
  const box = {
    x0: Math.max(bounds.x0 - radius, 0),
    y0: Math.max(bounds.y0 - radius, 0),
    x1: Math.min(bounds.x1 + radius, width),
    y1: Math.min(bounds.y1 + radius, height),
  };
  const boxWidth = box.x1 - box.x0;
  const sums = windowSums(maskToBitmap(mask, box), boxWidth, box.y1 - box.y0, radius);
  const smoothed = maskFromBitmap(sums, box, mask.size);
  return isEmpty(smoothed) ? mask : smoothed;
}

/** 1 where at least half of the window (clipped at the borders) is set; two running sums, one per axis. */
function windowSums(bits: Uint8Array, width: number, height: number, radius: number): Uint8Array {
  const across = new Uint16Array(bits.length);
  for (let y = 0; y < height; y++) {
    let sum = 0;
    for (let x = -radius; x < width; x++) {
      if (x + radius < width) sum += bits[y * width + x + radius];
      if (x - radius - 1 >= 0) sum -= bits[y * width + x - radius - 1];
      if (x >= 0) across[y * width + x] = sum;
    }
  }
  const majority = new Uint8Array(bits.length);
  for (let x = 0; x < width; x++) {
    const spanX = Math.min(x + radius, width - 1) - Math.max(x - radius, 0) + 1;
    let sum = 0;
    for (let y = -radius; y < height; y++) {
      if (y + radius < height) sum += across[(y + radius) * width + x];
      if (y - radius - 1 >= 0) sum -= across[(y - radius - 1) * width + x];
      if (y < 0) continue;
      const spanY = Math.min(y + radius, height - 1) - Math.max(y - radius, 0) + 1;
      majority[y * width + x] = sum * 2 > spanX * spanY ? 1 : 0;
    }
  }
  return majority;
}

/** Cut a mask in two along a line; each side is one mask, and a side may be empty. */
export function splitByPolygon(mask: ColumnMask, side: ColumnMask): readonly [ColumnMask, ColumnMask] {
  return [combineMasks(mask, side, "intersect"), combineMasks(mask, side, "subtract")];
}

/** Whether two masks share at least one pixel. */
export function masksOverlap(a: ColumnMask, b: ColumnMask): boolean {
  const first = Math.max(a.x0, b.x0);
  const last = Math.min(a.x0 + columnCount(a), b.x0 + columnCount(b));
  for (let x = first; x < last; x++) if (columnsMeet(a, b, x)) return true;
  return false;
}

function columnsMeet(a: ColumnMask, b: ColumnMask, x: number): boolean {
  let [i, aTo] = columnRange(a, x);
  let [j, bTo] = columnRange(b, x);
  while (i < aTo && j < bTo) {
    if (a.runs[i] < b.runs[j + 1] && b.runs[j] < a.runs[i + 1]) return true;
    if (a.runs[i + 1] < b.runs[j + 1]) i += 2;
    else j += 2;
  }
  return false;
}
