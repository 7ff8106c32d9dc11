"""From the logits as decoded to those that masks are made of: what a model asks for, in its order.

Must not know: torch, models, prompts as objects.
"""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from sam_core.masks.edges import EdgeGuide
from sam_core.masks.obeyed import with_prompts_obeyed
from sam_core.masks.specks import without_specks
from sam_core.masks.upsample import MaskGeometry


def shown_logits(
    logits: npt.NDArray[Any],
    coords_model: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    geometry: MaskGeometry,
    guide: EdgeGuide | None,
    *,
    obeys_prompts: bool,
    drops_specks: bool,
) -> npt.NDArray[Any]:
    """Return logits (B x K x side x side, low-res) whose masks above zero are shown; the same ones if nothing is asked.

    coords_model, labels: the prompts, B x T x 2 and B x T, as the decoder takes them. guide: of the photo, where the
    model snaps to its edges and the photo is known.
    """
    if guide is not None:
        logits = guide.snap(logits, geometry)
    if obeys_prompts:  # after edges, which might take it back
        logits = with_prompts_obeyed(logits, coords_model, labels, geometry)
    if drops_specks:  # last: a part that a click asks for is no speck
        logits = without_specks(logits, coords_model, labels, geometry)
    return logits
