/**
 * From a candidate's logits to pixels of the photo, exactly or to look at, and to the crop that would show more of it.
 * The arithmetic is that of geometry/upsample.ts and views.ts.
 */
import { placeMask, type ColumnMask } from "../../geometry/column-mask";
import { geometryFor, type InputGeometry } from "../../geometry/photo-geometry";
import type { BoxXyxy } from "../../geometry/types";
import { maskAtOriginalSize, sampledMask, type SampledMask } from "../../geometry/upsample";
import type { CropQuestion, MaskQuestion } from "../protocol/types";
import { answerBox, cropAround, viewOf } from "./views";

/** The mask at the photo's own size; geometry: of the model. */
export function maskOf({ logits, originalSize, cropBox }: MaskQuestion, geometry: InputGeometry): ColumnMask {
  if (!cropBox) return maskAtOriginalSize(logits, geometryFor(originalSize, geometry));
  const cropSize = { width: cropBox.x1 - cropBox.x0, height: cropBox.y1 - cropBox.y0 };
  const inside = maskAtOriginalSize(logits, geometryFor(cropSize, geometry));
  return placeMask(inside, { x: cropBox.x0, y: cropBox.y0 }, originalSize);
}

/** The same mask, every `step`-th pixel of it. Crops are small, and their corners lie between the steps: exact. */
export function sampledMaskOf(question: MaskQuestion, geometry: InputGeometry, step: number): SampledMask {
  const { logits, originalSize, cropBox } = question;
  if (cropBox || step === 1) return { mask: maskOf(question, geometry), step: 1 };
  return sampledMask(logits, geometryFor(originalSize, geometry), step);
}

/** The crop that would show an answer larger; null where it would show hardly more. */
export function cropOfAnswer(question: CropQuestion, geometry: InputGeometry): BoxXyxy | null {
  const { originalSize, cropBox, prompts, candidates } = question;
  const view = viewOf(originalSize, cropBox, geometry);
  return cropAround(answerBox(prompts, candidates, view), prompts, view);
}
