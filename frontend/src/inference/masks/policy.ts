/**
 * The mask policy: what happens between the decoder and the person, as the model's manifest says. applyPolicy is the only
 * way from decoded logits to a mask that somebody sees. Mirrors masks/policy.py of sam_core.
 */
import type { LowResLogits } from "../../geometry/types";
import type { Candidate } from "../../model/embedding-views";
import type { MaskPolicy } from "../protocol/mask-policy";
import { blendFar } from "./blending";
import { chooseCandidate, toCandidates } from "./candidates";
import { keepClicks } from "./clicks";
import { BACKGROUND, FOREGROUND, PADDING, TOP_LEFT, type PromptTokens } from "./prompt-tokens";
import { holdsView, mergeViews, onGridOf, SINGLE_MASK, type View, type ViewAnswer } from "./views";

/** Whether flipped views decode prompts of these labels: not a lone point, where they gain nothing. */
export function flipsFor({ usesFlip }: MaskPolicy, labels: Int32Array): boolean {
  return usesFlip && (labels.includes(TOP_LEFT) || labels.filter((label) => label !== PADDING).length > 1);
}

/** The logits before the last point, on the grid of a view. */
export interface PreviousAnswer {
  readonly logits: LowResLogits;
  readonly view: View;
}

/**
 * The answer to one prompt. `answers`: of each view, from the whole photo to the smallest crop.
 * `tokens`: the prompt in the last one. `before`: what was shown before the last point, where that is what was added.
 */
export function applyPolicy(
  policy: MaskPolicy,
  answers: readonly ViewAnswer[],
  tokens: PromptTokens,
  before: PreviousAnswer | null = null,
): { candidates: Candidate[]; chosen: number } {
  const { logits, predictedIou } = mergeViews(answers);
  const { view } = answers[answers.length - 1];
  const { geometry } = view;
  const blend = policy.blendsFar && before && holdsView(before.view, view) ? blending(before, tokens, view) : null;
  const show = (own: LowResLogits, index: number): LowResLogits => {
    // the single mask answers several prompts; the others stay as decoded
    const blended = blend && index === SINGLE_MASK ? blend(own) : own;
    return policy.keepsClicks ? keepClicks(blended, tokens, geometry) : blended;
  };
  const candidates = toCandidates(logits, predictedIou, geometry, show);
  return { candidates, chosen: chooseCandidate(tokens, candidates, geometry, policy) };
}

function blending({ logits, view: from }: PreviousAnswer, { coords, labels }: PromptTokens, view: View) {
  const last = labels.findLastIndex((label) => label === BACKGROUND || label === FOREGROUND);
  if (last < 0) return null;
  const click = { x: coords[2 * last], y: coords[2 * last + 1], label: labels[last] };
  return (own: LowResLogits): LowResLogits => {
    if (logits.side !== own.side) return own; // a mask given back is drawn on a grid of its own
    const previous = { data: onGridOf(logits.data, logits.side, from, view), side: logits.side };
    return blendFar(own, previous, click, view.geometry);
  };
}
