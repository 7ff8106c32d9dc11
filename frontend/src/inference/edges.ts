/**
 * Masks whose edges follow the photo's: a guided filter with the photo as its guide, on the grid of low-res cells.
 * Mirrors masks/edges.py of sam_core, which states the rule and its source; fixtures/golden/edges holds both together.
 * ADR 0022. Planes have a margin of zeros around the photo, so that sums over windows need not ask where it ends.
 */
import type { LowResLogits, PhotoCells } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import { cellsOnPhoto } from "./cells";

const RADII = [1, 3];
const SMOOTHNESS = 6.5;
const CERTAIN = 8;
const FAINT = -4;
const LIMIT = Math.tanh(CERTAIN / 2);
const REACH = 2 * Math.max(...RADII);
const MARGIN = Math.max(...RADII) + 1;
const SCRATCH = 11;

type Plane = Float64Array;

/** A rectangle of cells on the photo, ends excluded. */
interface Span {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** What the windows of one radius hold. */
interface Windows {
  readonly radius: number;
  readonly share: Plane; // 1 / how many cells
  readonly mean: readonly Plane[]; // red, green, blue
  readonly inverse: readonly Plane[]; // of the colours' covariance plus SMOOTHNESS: rr, rg, rb, gg, gb, bb
}

/** A photo's cells, ready to guide any number of masks of it. */
export class EdgeGuide {
  private readonly planes: PhotoPlanes;
  private readonly colors: readonly Plane[];
  private readonly windows: readonly Windows[];
  private readonly scratch: readonly Plane[];

  constructor({ rows, columns, rgba }: PhotoCells) {
    const planes = new PhotoPlanes(rows, columns);
    this.planes = planes;
    this.colors = [0, 1, 2].map((k) => planes.filled((cell) => rgba[4 * cell + k]));
    this.windows = RADII.map((radius) => windowsOf(planes, this.colors, radius));
    this.scratch = Array.from({ length: SCRATCH }, () => planes.empty());
  }

  /** What it holds in memory. */
  get bytes(): number {
    return (this.colors.length + RADII.length * 10 + SCRATCH + 1) * this.colors[0].byteLength;
  }

  /**
   * Logits whose mask above zero ends where the photo's edges are; the very same ones where there is no mask, or where
   * the photo is of another shape.
   */
  snap(raw: LowResLogits, geometry: MaskGeometry): LowResLogits {
    const { planes } = this;
    const { side } = raw;
    const { rows, columns } = cellsOnPhoto(side, geometry);
    if (rows !== planes.rows || columns !== planes.columns) return raw;
    const present = presentIn(raw, rows, columns);
    if (!present) return raw;
    const inside = planes.grown(present, REACH);
    const [mask, total] = this.scratch;
    const read = planes.grown(inside, REACH);
    for (let row = read.top; row < read.bottom; row++) {
      const [from, to] = [row * side, planes.at(row, 0)];
      for (let c = read.left; c < read.right; c++) mask[to + c] = Math.tanh(raw.data[from + c] / 2);
      total.fill(0, to + read.left, to + read.right);
    }
    for (const windows of this.windows) this.addFiltered(windows, inside);

    const data = raw.data.slice();
    for (let row = inside.top; row < inside.bottom; row++) {
      const [from, to] = [planes.at(row, 0), row * side];
      for (let c = inside.left; c < inside.right; c++) {
        const mean = total[from + c] / RADII.length;
        data[to + c] = 2 * Math.atanh(Math.min(LIMIT, Math.max(-LIMIT, mean)));
      }
    }
    return { data, side };
  }

  /** Add the guided filter's answer inside a span to the total, the second of the scratch planes; the mask is the first. */
  private addFiltered({ radius, share, mean, inverse }: Windows, inside: Span): void {
    const { planes, scratch } = this;
    const [mask, total, own, red, green, blue, offset, slopeRed, slopeGreen, slopeBlue, product] = scratch;
    const [colorRed, colorGreen, colorBlue] = this.colors;
    const [meanRed, meanGreen, meanBlue] = mean;
    const [rr, rg, rb, gg, gb, bb] = inverse;
    const near = planes.grown(inside, radius);
    planes.sum(mask, radius, near, own);
    planes.sum(planes.multiply(mask, colorRed, planes.grown(near, radius), product), radius, near, red);
    planes.sum(planes.multiply(mask, colorGreen, planes.grown(near, radius), product), radius, near, green);
    planes.sum(planes.multiply(mask, colorBlue, planes.grown(near, radius), product), radius, near, blue);
    for (let row = near.top; row < near.bottom; row++) {
      for (let i = planes.at(row, near.left); i < planes.at(row, near.right); i++) {
        const here = own[i] * share[i];
        const r = red[i] * share[i] - meanRed[i] * here;
        const g = green[i] * share[i] - meanGreen[i] * here;
        const b = blue[i] * share[i] - meanBlue[i] * here;
        // From here on they hold the slopes, and `own` the offset.
        red[i] = rr[i] * r + rg[i] * g + rb[i] * b;
        green[i] = rg[i] * r + gg[i] * g + gb[i] * b;
        blue[i] = rb[i] * r + gb[i] * g + bb[i] * b;
        own[i] = here - (red[i] * meanRed[i] + green[i] * meanGreen[i] + blue[i] * meanBlue[i]);
      }
    }
    planes.sum(red, radius, inside, slopeRed);
    planes.sum(green, radius, inside, slopeGreen);
    planes.sum(blue, radius, inside, slopeBlue);
    planes.sum(own, radius, inside, offset);
    for (let row = inside.top; row < inside.bottom; row++) {
      for (let i = planes.at(row, inside.left); i < planes.at(row, inside.right); i++) {
        const fitted = slopeRed[i] * colorRed[i] + slopeGreen[i] * colorGreen[i] + slopeBlue[i] * colorBlue[i];
        total[i] += (fitted + offset[i]) * share[i];
      }
    }
  }
}

/** The cells of one photo as planes of numbers, row by row, with a margin of zeros. */
class PhotoPlanes {
  readonly whole: Span;
  private readonly stride: number;
  private readonly lines: Plane;

  constructor(
    readonly rows: number,
    readonly columns: number,
  ) {
    this.whole = { top: 0, bottom: rows, left: 0, right: columns };
    this.stride = columns + 2 * MARGIN;
    this.lines = this.empty();
  }

  empty(): Plane {
    return new Float64Array(this.stride * (this.rows + 2 * MARGIN));
  }

  filled(valueOf: (cell: number) => number): Plane {
    const plane = this.empty();
    for (let row = 0, cell = 0; row < this.rows; row++) {
      for (let c = 0; c < this.columns; c++, cell++) plane[this.at(row, c)] = valueOf(cell);
    }
    return plane;
  }

  at(row: number, column: number): number {
    return (row + MARGIN) * this.stride + column + MARGIN;
  }

  grown({ top, bottom, left, right }: Span, by: number): Span {
    return {
      top: Math.max(0, top - by),
      bottom: Math.min(this.rows, bottom + by),
      left: Math.max(0, left - by),
      right: Math.min(this.columns, right + by),
    };
  }

  multiply(a: Plane, b: Plane, { top, bottom, left, right }: Span, into: Plane): Plane {
    for (let row = top; row < bottom; row++) {
      const end = this.at(row, right);
      for (let i = this.at(row, left); i < end; i++) into[i] = a[i] * b[i];
    }
    return into;
  }

  /** For each cell of a span, the sum of the values at most radius away both ways. */
  sum(values: Plane, radius: number, { top, bottom, left, right }: Span, into: Plane): Plane {
    const { lines, stride } = this;
    const width = right - left;
    for (let row = Math.max(0, top - radius); row < Math.min(this.rows, bottom + radius); row++) {
      const start = this.at(row, left);
      let running = 0;
      for (let i = start - radius; i < start + radius; i++) running += values[i];
      for (let i = start; i < start + width; i++) {
        running += values[i + radius];
        lines[i] = running;
        running -= values[i - radius];
      }
    }
    const first = this.at(top, left);
    for (let i = first; i < first + width; i++) {
      let running = 0;
      for (let k = -radius; k <= radius; k++) running += lines[i + k * stride];
      into[i] = running;
    }
    const [entering, leaving] = [radius * stride, (radius + 1) * stride];
    for (let row = top + 1; row < bottom; row++) {
      const start = this.at(row, left);
      for (let i = start; i < start + width; i++) into[i] = into[i - stride] + lines[i + entering] - lines[i - leaving];
    }
    return into;
  }
}

function windowsOf(planes: PhotoPlanes, colors: readonly Plane[], radius: number): Windows {
  const { whole, rows, columns } = planes;
  const sumOf = (plane: Plane): Plane => planes.sum(plane, radius, whole, planes.empty());
  const product = planes.empty();
  const share = sumOf(planes.filled(() => 1));
  const mean = colors.map(sumOf);
  const pairs = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]]; // prettier-ignore
  const inverse = pairs.map(([a, b]) => sumOf(planes.multiply(colors[a], colors[b], whole, product)));
  for (let row = 0; row < rows; row++) {
    for (let i = planes.at(row, 0); i < planes.at(row, columns); i++) {
      share[i] = 1 / share[i];
      for (const plane of mean) plane[i] *= share[i];
      invert(inverse, mean, share[i], i);
    }
  }
  return { radius, share, mean, inverse };
}

/** Turn sums of products, at i, into the inverse of the covariance plus SMOOTHNESS, by cofactors. */
function invert(planes: readonly Plane[], [red, green, blue]: readonly Plane[], share: number, i: number): void {
  const rr = planes[0][i] * share - red[i] * red[i] + SMOOTHNESS;
  const rg = planes[1][i] * share - red[i] * green[i];
  const rb = planes[2][i] * share - red[i] * blue[i];
  const gg = planes[3][i] * share - green[i] * green[i] + SMOOTHNESS;
  const gb = planes[4][i] * share - green[i] * blue[i];
  const bb = planes[5][i] * share - blue[i] * blue[i] + SMOOTHNESS;
  const first = gg * bb - gb * gb;
  const second = rb * gb - rg * bb;
  const third = rg * gb - rb * gg;
  const determinant = rr * first + rg * second + rb * third;
  planes[0][i] = first / determinant;
  planes[1][i] = second / determinant;
  planes[2][i] = third / determinant;
  planes[3][i] = (rr * bb - rb * rb) / determinant;
  planes[4][i] = (rg * rb - rr * gb) / determinant;
  planes[5][i] = (rr * gg - rg * rg) / determinant;
}

/** The least span that holds what is not far below zero. */
function presentIn({ data, side }: LowResLogits, rows: number, columns: number): Span | null {
  let [top, bottom, left, right] = [rows, 0, columns, 0];
  for (let row = 0; row < rows; row++) {
    for (let c = 0; c < columns; c++) {
      if (!(data[row * side + c] > FAINT)) continue;
      if (row < top) top = row;
      bottom = row + 1;
      if (c < left) left = c;
      if (c >= right) right = c + 1;
    }
  }
  return bottom === 0 ? null : { top, bottom, left, right };
}
