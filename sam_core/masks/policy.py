"""The mask policy: what happens between the decoder and the person, as one value that travels with the model.

A model's policy is written into the manifest of its browser graphs. apply_policy is the only way from decoded logits to
a mask that somebody sees: Predictor, evaluation, server and browser use it. The default is the published behaviour:
logits as decoded, candidate by predicted IoU. A step enters only with a gain of twice its standard error on the photos
that are kept apart (CONTRIBUTING.md); figures: docs/adr/0027.

Mirrored by frontend/src/inference/masks/policy.ts. Must not know: torch, models, files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from sam_core.masks.blending import blend_far
from sam_core.masks.choice import choose_candidates, click_scores
from sam_core.masks.clicks import keep_clicks
from sam_core.masks.views import (
    SINGLE_MASK,
    Floats,
    View,
    ViewAnswer,
    holds_view,
    merge_views,
    on_grid_of,
)
from sam_core.prompt_kinds import BACKGROUND, FOREGROUND, PADDING, TOP_LEFT

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class MaskPolicy:
    """Which steps a model's masks take.

    weighs_click: rank the candidates of a lone click by stability and centrality as well (choice.py).
    keeps_clicks: a clicked pixel lies on its side of the mask (clicks.py).
    blends_far: one more click changes little far away from it (blending.py).
    uses_flip: the flipped photo takes part for boxes and from the second prompt on (flip.py).
    uses_crops: tiles and crops take part where the whole photo's answer fits into them (views.py, tiles.py).
    budget_ms: how long the views of one answer may take together; a page decodes as many as fit (multi_view.py).
    """

    weighs_click: bool = False
    keeps_clicks: bool = False
    blends_far: bool = False
    uses_flip: bool = False
    uses_crops: bool = False
    budget_ms: int = 50

    def flips_for(self, labels: Labels) -> bool:
        """Return whether flipped views decode prompts of these labels: not a lone point, where they gain nothing."""
        return self.uses_flip and (bool((labels == TOP_LEFT).any()) or int((labels != PADDING).sum()) > 1)

    def to_manifest(self) -> dict[str, bool | int]:
        """Return the policy as JSON."""
        return asdict(self)

    @classmethod
    def from_manifest(cls, written: Mapping[str, Any]) -> MaskPolicy:
        """Read a policy back; raise ValueError for one that lacks a step or has one unknown here."""
        kinds = {one.name: type(one.default) for one in fields(cls)}
        if {name: type(value) for name, value in written.items()} != kinds or written["budget_ms"] <= 0:
            raise ValueError(f"{dict(written)} is no mask policy of this version")
        return cls(**written)


PUBLISHED = MaskPolicy()


@dataclass(frozen=True, eq=False)
class MaskAnswer:
    """Four candidates of one prompt, in decoder order (0 is the single mask), on the grid of one view.

    logits: 4 x side x side, of all views together. mask_logits: the same after the policy, to be thresholded.
    predicted_iou: 4. chosen: the index of the best candidate.
    """

    view: View
    logits: Floats
    mask_logits: Floats
    predicted_iou: Floats
    chosen: int


def apply_policy(
    policy: MaskPolicy,
    answers: Sequence[ViewAnswer],
    labels: Labels,
    *,
    before: MaskAnswer | None = None,
    multimask_output: bool | None = None,
) -> MaskAnswer:
    """Return the answer to one prompt.

    answers: of each view, from the whole photo to the smallest crop. labels: T, as the decoder takes them. before: the
    answer before the last point, where one point was added. multimask_output: see choose_candidates.
    """
    logits, scores = merge_views(answers)
    view, coords = answers[-1].view, answers[-1].coords
    ranks = scores
    if policy.weighs_click:
        ranks = click_scores(scores[None], logits[None], coords[None], labels[None], view.geometry)[0]
    prompt_counts = np.array([(labels != PADDING).sum()])
    chosen = choose_candidates(ranks[None], prompt_counts, multimask_output=multimask_output)
    mask_logits = logits
    if policy.blends_far and before is not None and holds_view(before.view, view):
        mask_logits = _blended(logits, before, answers[-1], labels)
    if policy.keeps_clicks:
        mask_logits = keep_clicks(mask_logits, coords, labels, view.geometry)
    return MaskAnswer(view, logits, mask_logits, scores, int(chosen[0]))


def _blended(logits: Floats, before: MaskAnswer, answer: ViewAnswer, labels: Labels) -> Floats:
    """Blend the single mask, which answers several prompts; the others stay as decoded."""
    clicks = np.flatnonzero((labels == BACKGROUND) | (labels == FOREGROUND))
    if not clicks.size:
        return logits
    last = int(clicks[-1])
    previous = on_grid_of(before.mask_logits[before.chosen][None], before.view, answer.view)[0]
    single = blend_far(logits[SINGLE_MASK], previous, answer.coords[last], int(labels[last]), answer.view.geometry)
    return np.concatenate([single[None], logits[SINGLE_MASK + 1 :]])
