/**
 * Test-time flip: prompts are flipped on their way in, logits on their way out, so that everybody else sees the photo as
 * it lies. Mirrors masks/flip.py of sam_core; fixtures/golden/views holds both together. ADR 0027.
 */
import { cellsOnPhoto, widthInCells, type PhotoGeometry } from "../../geometry/photo-geometry";
import type { LowResLogits } from "../../geometry/types";
import { PADDING, TOP_LEFT, type PromptTokens } from "./prompt-tokens";

/** Ask a flipped view: `maskInput` and the answer are as the photo lies. */
export async function decodeFlipped<Answer extends { readonly logits: Float32Array }>(
  ask: (tokens: PromptTokens, maskInput: LowResLogits | null) => Promise<Answer>,
  tokens: PromptTokens,
  maskInput: LowResLogits | null,
  geometry: PhotoGeometry,
  side: number,
): Promise<Answer> {
  const start = maskInput && { side, data: flipPlanes(maskInput.data.slice(), geometry, side) };
  const answer = await ask(flippedTokens(tokens, geometry, side), start);
  return { ...answer, logits: flipPlanes(answer.logits, geometry, side) };
}

/** Flip prompts; a box's corners change places. A click counts from the middle of the first pixel, a corner from its edge. */
export function flippedTokens({ coords, labels }: PromptTokens, geometry: PhotoGeometry, side: number): PromptTokens {
  const width = widthInCells(side, geometry);
  const flipped = coords.slice();
  labels.forEach((label, i) => {
    if (label !== PADDING) flipped[2 * i] = width - coords[2 * i] - (label < TOP_LEFT ? 1 : 0);
  });
  const corner = labels.indexOf(TOP_LEFT);
  if (corner >= 0) {
    const [left, right] = [2 * corner, 2 * corner + 2];
    [flipped[left], flipped[right]] = [flipped[right], flipped[left]];
  }
  return { coords: flipped, labels };
}

/** Flip planes of side x side logits, in place; what is right of the photo stays where it is. */
export function flipPlanes(planes: Float32Array, geometry: PhotoGeometry, side: number): Float32Array {
  const { columns } = cellsOnPhoto(side, geometry);
  for (let start = 0; start < planes.length; start += side) planes.subarray(start, start + columns).reverse();
  return planes;
}
