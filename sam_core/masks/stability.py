"""The stability score: how little a mask changes when the threshold on its logits moves.

Source: Segment Anything (arXiv 2304.02643), appendix B: the IoU between the mask cut off at +offset and the one cut off
at -offset. The first lies inside the second, so it is a ratio of two areas. Must not know: torch, models, files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

STABILITY_OFFSET = 1.0  # the paper's


def stability_score(logits: npt.NDArray[Any], *, offset: float = STABILITY_OFFSET) -> npt.NDArray[np.float32]:
    """Return the stability score, 0..1, of logits (... x H x W) as they are; 0 where no logit is above -offset."""
    inner = np.count_nonzero(logits > offset, axis=(-2, -1))
    outer = np.count_nonzero(logits > -offset, axis=(-2, -1))
    return area_ratio(inner, outer)


def area_ratio(inner: npt.NDArray[Any], outer: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return inner / outer in float32, as the published code divides, and 0 where outer is 0."""
    ratio = np.zeros(np.shape(outer), np.float32)
    np.divide(inner.astype(np.float32), outer.astype(np.float32), out=ratio, where=outer > 0)
    return ratio
