/**
 * What a click does to a mask before it is painted, done with answers that nobody asked for: a browser runs code many
 * times slower until it has compiled it, and a first click should not pay for that.
 */
import type { LowResLogits, Size } from "../geometry/types";
import { geometryFor, sampledMask } from "../geometry/upsample";
import { MaskPaths } from "../render/mask-paths";

/** A photo of 12 megapixels that fills a screen. */
const PHOTO: Size = { width: 4000, height: 3000 };
const STEP = 4;

/** Sample the mask and trace its outlines; imageSize: side of the model's input. */
export function rehearse(shown: LowResLogits, imageSize: number): void {
  const { mask, step } = sampledMask(shown, geometryFor(PHOTO, imageSize), STEP);
  new MaskPaths().pathOf(mask, 1 / STEP, step);
}
