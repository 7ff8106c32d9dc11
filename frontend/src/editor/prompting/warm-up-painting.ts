/**
 * What the page does to a mask before it is painted, done with answers that nobody asked for: a browser runs code many
 * times slower until it has compiled it, and a first click should not pay for that.
 */
import type { SampledMask } from "../../geometry/upsample";
import { MaskPaths } from "../../render/mask-paths";

/** Trace the outlines of a mask as they are when the photo fills the screen. */
export function warmUpPainting({ mask, step }: SampledMask): void {
  new MaskPaths().pathOf(mask, 1 / step, step);
}
