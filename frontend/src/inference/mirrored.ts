/**
 * A photo seen in a mirror: prompts are turned on their way in, logits on their way out, so that everybody else sees
 * the photo as it is. Mirrors masks/mirrored.py of sam_core; fixtures/golden/closer holds both together. ADR 0024.
 */
import type { LowResLogits } from "../geometry/types";
import type { MaskGeometry } from "../geometry/upsample";
import { cellsOnPhoto } from "./cells";
import { PADDING, TOP_LEFT, type PromptTokens } from "./prompt-tokens";

/** Ask what was encoded in a mirror: `maskInput` and the answer are as the photo lies. */
export async function inMirror<Answer extends { readonly logits: Float32Array }>(
  ask: (tokens: PromptTokens, maskInput: LowResLogits | null) => Promise<Answer>,
  tokens: PromptTokens,
  maskInput: LowResLogits | null,
  geometry: MaskGeometry,
  side: number,
): Promise<Answer> {
  const start = maskInput && { side, data: mirrorPlanes(maskInput.data.slice(), geometry, side) };
  const answer = await ask(mirroredTokens(tokens, geometry, side), start);
  return { ...answer, logits: mirrorPlanes(answer.logits, geometry, side) };
}

/** Turn prompts; a box's corners change places. A click counts from the middle of the first pixel, a corner from its edge. */
export function mirroredTokens({ coords, labels }: PromptTokens, geometry: MaskGeometry, side: number): PromptTokens {
  const width = (cellsOnPhoto(side, geometry).columns * geometry.imageSize) / side;
  const turned = coords.slice();
  labels.forEach((label, i) => {
    if (label !== PADDING) turned[2 * i] = width - coords[2 * i] - (label < TOP_LEFT ? 1 : 0);
  });
  const corner = labels.indexOf(TOP_LEFT);
  if (corner >= 0) {
    const [left, right] = [2 * corner, 2 * corner + 2];
    [turned[left], turned[right]] = [turned[right], turned[left]];
  }
  return { coords: turned, labels };
}

/** Turn planes of side x side logits, in place; what is right of the photo stays where it is. */
export function mirrorPlanes(planes: Float32Array, geometry: MaskGeometry, side: number): Float32Array {
  const { columns } = cellsOnPhoto(side, geometry);
  for (let start = 0; start < planes.length; start += side) planes.subarray(start, start + columns).reverse();
  return planes;
}
