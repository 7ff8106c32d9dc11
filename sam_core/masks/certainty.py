"""How much one answer may weigh in an average of several: beyond a bound, being surer counts no more.

Mirrored by frontend/src/inference/masks/certainty.ts. Must not know: views, clicks.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

CERTAIN = 8.0  # logit: none outvotes another by being very sure


def limit_certainty(logits: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return logits within -CERTAIN..CERTAIN, in float64 for averaging."""
    return np.clip(np.asarray(logits, np.float64), -CERTAIN, CERTAIN)
