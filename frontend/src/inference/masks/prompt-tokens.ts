/**
 * Prompts in image pixels as the tokens the decoder takes: the only place that turns image into model pixels.
 * Mirrors Prompts.to_tokens of sam_core/prompts.py.
 */
import { geometryFor, scalesOf, type InputGeometry } from "../../geometry/photo-geometry";
import type { BoxXyxy, Prompt, Size } from "../../geometry/types";
import { DecodeError } from "../protocol/errors";

export const PADDING = -1;
export const BACKGROUND = 0;
export const FOREGROUND = 1;
export const TOP_LEFT = 2;
const BOTTOM_RIGHT = 3;
/** The model counts from the middle of the first pixel, the page from its outer corner. */
export const TO_PIXEL_CENTRE = -0.5;

export interface PromptTokens {
  /** (x, y) pairs in model pixels. */
  readonly coords: Float32Array;
  readonly labels: Int32Array;
}

/** Size of what was encoded: the photo, or the crop. */
export function encodedSize(originalSize: Size, cropBox: BoxXyxy | null): Size {
  return cropBox ? { width: cropBox.x1 - cropBox.x0, height: cropBox.y1 - cropBox.y0 } : originalSize;
}

/**
 * Order as published: points, then a padding point if there is no box, or the box's two corners. A mask prompt on its
 * own has no tokens. Throws DecodeError `bad_prompt` for no prompt at all or for two boxes.
 */
export function toTokens(
  prompts: readonly Prompt[],
  originalSize: Size,
  cropBox: BoxXyxy | null,
  geometry: InputGeometry,
): PromptTokens {
  const boxes = prompts.filter((prompt) => prompt.kind === "box");
  if (boxes.length > 1) throw new DecodeError("bad_prompt", "The model takes one box at a time.");
  const scale = scalesOf(geometryFor(encodedSize(originalSize, cropBox), geometry));
  const [originX, originY] = [cropBox?.x0 ?? 0, cropBox?.y0 ?? 0];
  const coords: number[] = [];
  const labels: number[] = [];
  for (const prompt of prompts) {
    if (prompt.kind !== "point") continue;
    coords.push((prompt.point.x + TO_PIXEL_CENTRE - originX) * scale.x);
    coords.push((prompt.point.y + TO_PIXEL_CENTRE - originY) * scale.y);
    labels.push(prompt.label);
  }
  const box = boxes.at(0)?.box;
  if (box) {
    coords.push((box.x0 - originX) * scale.x, (box.y0 - originY) * scale.y);
    coords.push((box.x1 - originX) * scale.x, (box.y1 - originY) * scale.y);
    labels.push(TOP_LEFT, BOTTOM_RIGHT);
  } else if (labels.length > 0) {
    coords.push(0, 0);
    labels.push(PADDING);
  }
  if (!coords.every(Number.isFinite)) throw new DecodeError("bad_prompt", "A prompt lies nowhere.");
  return { coords: Float32Array.from(coords), labels: Int32Array.from(labels) };
}
