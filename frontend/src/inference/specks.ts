/**
 * Masks without specks: stray parts and pin holes that nobody clicked on go. Mirrors masks/specks.py of sam_core, which
 * states the rule; fixtures/golden/specks holds both to the same bits. ADR 0020.
 */
import type { LowResLogits } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import { boundsOf, cellOf, cellsOnPhoto, type CellBox } from "./cells";
import type { PromptTokens } from "./prompt-tokens";

const [BACKGROUND, FOREGROUND] = [0, 1];
/** The largest part over the smallest that stays. */
const LEAST_PART = 10;
/** The mask over the smallest hole that stays. */
const LEAST_HOLE = 100;

/** Logits whose mask above zero has no specks; the very same ones where there is nothing to mend. */
export function withoutSpecks(raw: LowResLogits, tokens: PromptTokens, geometry: MaskGeometry): LowResLogits {
  const { side } = raw;
  const { rows, columns } = cellsOnPhoto(side, geometry);
  const box = boundsOf(raw.data, side, rows, columns);
  if (!box) return raw;
  const cellsOf = (label: number): number[] =>
    Array.from(tokens.labels).flatMap((own, i) => {
      if (own !== label) return [];
      const [x, y] = [tokens.coords[2 * i], tokens.coords[2 * i + 1]];
      const { imageSize } = geometry;
      return [cellOf(y, rows, side, imageSize) * side + cellOf(x, columns, side, imageSize)];
    });

  const parts = new Regions(raw.data, side, box, true);
  const largest = parts.areas.reduce((most, area) => Math.max(most, area), 0);
  const dropped = parts.where((area) => area * LEAST_PART < largest, cellsOf(FOREGROUND));
  const tidy = dropped.length > 0 ? { data: turned(raw.data, dropped), side } : raw;

  const gaps = new Regions(tidy.data, side, box, false);
  const area = parts.total - dropped.reduce((sum, [start, stop]) => sum + stop - start, 0);
  const isHole = (gap: number, touchesBox: boolean) => !touchesBox && gap * LEAST_HOLE < area;
  const filled = gaps.where(isHole, cellsOf(BACKGROUND));
  return filled.length > 0 ? { data: turned(tidy.data, filled), side } : tidy;
}

/** Cells from start to before stop, all in one row. */
type Run = readonly [start: number, stop: number];

function turned(data: Float32Array, runs: readonly Run[]): Float32Array {
  const changed = data.slice();
  for (const [start, stop] of runs) {
    for (let i = start; i < stop; i++) changed[i] = -changed[i];
  }
  return changed;
}

/**
 * The connected regions of a box's cells that are above zero (8-connected), or of those that are not (4-connected), as
 * runs of cells along the rows that know their region (Rosenfeld and Pfaltz 1966, with union by the lower index).
 */
class Regions {
  /** Of the region whose first run this is; 0 for all other runs. */
  readonly areas: number[];
  readonly total: number;
  private readonly starts: number[] = [];
  private readonly stops: number[] = [];
  private readonly parents: number[] = [];
  private readonly touching: boolean[];

  constructor(
    data: Float32Array,
    private readonly side: number,
    private readonly box: CellBox,
    isAbove: boolean,
  ) {
    const reach = isAbove ? 1 : 0;
    let [above, aboveEnd] = [0, 0];
    for (let r = box.top; r <= box.bottom; r++) {
      const end = r * side + box.right + 1;
      for (let i = r * side + box.left; i < end;) {
        while (i < end && data[i] > 0 !== isAbove) i++;
        if (i === end) break;
        const start = i;
        while (i < end && data[i] > 0 === isAbove) i++;
        above = this.add(start, i, above, aboveEnd, reach);
      }
      [above, aboveEnd] = [aboveEnd, this.starts.length];
    }
    this.areas = this.starts.map(() => 0);
    this.touching = this.starts.map(() => false);
    this.total = this.measure();
  }

  /** The runs of the regions that `isWanted` and that hold none of these cells. */
  where(isWanted: (area: number, touchesBox: boolean) => boolean, spared: readonly number[]): Run[] {
    const chosen = this.areas.map((area, i) => area > 0 && isWanted(area, this.touching[i]));
    for (const cell of spared) {
      const run = this.starts.findIndex((start, i) => start <= cell && cell < this.stops[i]);
      if (run >= 0) chosen[this.root(run)] = false;
    }
    return this.starts.flatMap((start, i): Run[] => (chosen[this.root(i)] ? [[start, this.stops[i]]] : []));
  }

  /** Add a run and join it with those it touches in the row above; return the first of these that the next may touch. */
  private add(start: number, stop: number, first: number, end: number, reach: number): number {
    const { side, starts, stops, parents } = this;
    const own = starts.length;
    starts.push(start);
    stops.push(stop);
    parents.push(own);
    while (first < end && stops[first] + side + reach <= start) first++;
    for (let other = first; other < end && starts[other] + side < stop + reach; other++) this.join(own, other);
    return first;
  }

  private join(a: number, b: number): void {
    const [one, other] = [this.root(a), this.root(b)];
    this.parents[Math.max(one, other)] = Math.min(one, other);
  }

  private root(run: number): number {
    const { parents } = this;
    while (parents[run] !== run) run = parents[run] = parents[parents[run]];
    return run;
  }

  private measure(): number {
    const { side, box, starts, stops } = this;
    let total = 0;
    starts.forEach((start, i) => {
      const root = this.root(i);
      const row = Math.floor(start / side);
      const [left, right] = [start - row * side, stops[i] - 1 - row * side];
      this.areas[root] += stops[i] - start;
      total += stops[i] - start;
      if (row === box.top || row === box.bottom || left === box.left || right === box.right) this.touching[root] = true;
    });
    return total;
  }
}
