/**
 * Prompt consistency: a clicked pixel lies on its side of the mask, whatever the model says. Mirrors masks/clicks.py of
 * sam_core, which states the rule; fixtures/golden/clicks holds both to the same bits.
 */
import { cellAt, type PhotoGeometry } from "../../geometry/photo-geometry";
import type { LowResLogits } from "../../geometry/types";
import { BACKGROUND, FOREGROUND, type PromptTokens } from "./prompt-tokens";

const FIRM = 0.5;

/** Logits that are at least FIRM on the side of each click, in the cells that its pixel is read from. */
export function keepClicks(raw: LowResLogits, { coords, labels }: PromptTokens, geometry: PhotoGeometry): LowResLogits {
  const { side } = raw;
  const data = raw.data.slice();
  labels.forEach((label, i) => {
    if (label !== FOREGROUND && label !== BACKGROUND) return;
    const { row, column } = cellAt(coords[2 * i], coords[2 * i + 1], side, geometry);
    for (let y = Math.max(0, row - 1); y <= Math.min(side - 1, row + 1); y++) {
      for (let x = Math.max(0, column - 1); x <= Math.min(side - 1, column + 1); x++) {
        const at = y * side + x;
        data[at] = label === FOREGROUND ? Math.max(data[at], FIRM) : Math.min(data[at], -FIRM);
      }
    }
  });
  return { data, side };
}
