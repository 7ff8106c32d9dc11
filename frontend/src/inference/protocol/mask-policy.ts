/** Which steps stand between the decoder and the person, as the model's manifest says (ADR 0027). */

export interface MaskPolicy {
  /** Rank the candidates of a lone click by stability and centrality as well (masks/candidates.ts). */
  readonly weighsClick: boolean;
  /** A clicked pixel lies on its side of the mask (masks/clicks.ts). */
  readonly keepsClicks: boolean;
  /** One more click changes little far away from it (masks/blending.ts). */
  readonly blendsFar: boolean;
  /** The flipped photo takes part for boxes and from the second prompt on (masks/flip.ts). */
  readonly usesFlip: boolean;
  /** Tiles and crops take part where the whole photo's answer fits into them (masks/views.ts). */
  readonly usesCrops: boolean;
  /** How long the views of one answer may take together; as many are decoded as fit (masks/multi-view.ts). */
  readonly budgetMs: number;
}

/** As in the manifest. */
export interface RawPolicy {
  readonly weighs_click: boolean;
  readonly keeps_clicks: boolean;
  readonly blends_far: boolean;
  readonly uses_flip: boolean;
  readonly uses_crops: boolean;
  readonly budget_ms: number;
}

/** Read a policy; null for one that lacks a step or has one unknown here. */
export function parsePolicy(raw: Partial<RawPolicy> | undefined): MaskPolicy | null {
  const {
    weighs_click: weighsClick,
    keeps_clicks: keepsClicks,
    blends_far: blendsFar,
    uses_flip: usesFlip,
    uses_crops: usesCrops,
    budget_ms: budgetMs,
  } = raw ?? {};
  const steps = { weighsClick, keepsClicks, blendsFar, usesFlip, usesCrops };
  const isWhole = Object.values(steps).every((step) => typeof step === "boolean");
  const isTimed = typeof budgetMs === "number" && budgetMs > 0;
  const isKnown = Object.keys(raw ?? {}).length === Object.keys(steps).length + 1;
  return isWhole && isTimed && isKnown ? ({ ...steps, budgetMs } as MaskPolicy) : null;
}
