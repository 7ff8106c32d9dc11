/**
 * COCO's compressed run-length strings, as pycocotools writes and reads them.
 *
 * Runs are column-major, alternately clear and set, the first one clear. From the fourth run on the difference to the
 * run two before is written, in groups of five bits, low ones first; bit 6 says that more follow. Knows nothing of
 * masks as shapes: column-mask.ts turns runs into those.
 */
import type { Size } from "./types";

const GROUP_BITS = 5;
const GROUP_MASK = 0x1f;
const MORE = 0x20;
const FIRST_CHARACTER = 48;
const LAST_CHARACTER = FIRST_CHARACTER + 0x3f;
/** Longest group sequence that still fits the 32-bit counts of pycocotools. */
const MAX_GROUPS = 7;

export class RleError extends Error {
  override readonly name = "RleError";
}

/** Write run lengths as a compressed string. */
export function encodeCounts(counts: ArrayLike<number>): string {
  const characters: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    let value = counts[i] - (i > 2 ? counts[i - 2] : 0);
    let hasMore = true;
    while (hasMore) {
      const group = value & GROUP_MASK;
      value >>= GROUP_BITS;
      hasMore = group & 0x10 ? value !== -1 : value !== 0;
      characters.push((hasMore ? group | MORE : group) + FIRST_CHARACTER);
    }
  }
  return textOf(characters);
}

/** Read a compressed string; throws RleError unless its runs fill the size exactly. */
export function decodeCounts(text: string, size: Size): number[] {
  const counts: number[] = [];
  let total = 0;
  let position = 0;
  while (position < text.length) {
    const [difference, next] = readNumber(text, position);
    position = next;
    const count = difference + (counts.length > 2 ? counts[counts.length - 2] : 0);
    if (count < 0) throw new RleError("a run is shorter than nothing");
    counts.push(count);
    total += count;
  }
  if (total !== size.width * size.height) {
    throw new RleError(`the runs hold ${total} pixels, the image has ${size.width * size.height}`);
  }
  return counts;
}

/** Number of pixels set. */
export function countsArea(counts: ArrayLike<number>): number {
  let area = 0;
  for (let i = 1; i < counts.length; i += 2) area += counts[i];
  return area;
}

function readNumber(text: string, start: number): [value: number, next: number] {
  let value = 0;
  let shift = 0;
  for (let position = start; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (code < FIRST_CHARACTER || code > LAST_CHARACTER) throw new RleError(`character ${position} is not RLE`);
    const group = code - FIRST_CHARACTER;
    value += (group & GROUP_MASK) * 2 ** shift;
    shift += GROUP_BITS;
    if (shift > GROUP_BITS * MAX_GROUPS) throw new RleError("a run is too long");
    if (!(group & MORE)) return [group & 0x10 ? value - 2 ** shift : value, position + 1];
  }
  throw new RleError("the string ends within a number");
}

function textOf(characters: readonly number[]): string {
  const pieces: string[] = [];
  const pieceLength = 8192; // below every engine's limit on arguments
  for (let i = 0; i < characters.length; i += pieceLength) {
    pieces.push(String.fromCharCode(...characters.slice(i, i + pieceLength)));
  }
  return pieces.join("");
}
