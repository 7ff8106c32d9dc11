"""Where a model's weights come from: the licence of the weights, that of the data they were trained on, figures.

Two licences, because they differ: weights are often given freely that were trained on data for research only. Nothing
is said of a file that nobody here knows. Must not know: torch (but for files that name their own training).
Sources: docs/models/sam_lite.md; the README and LICENSE files of the published models; their papers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sam_core.checkpoints import CHECKPOINTS, sha256_of
from sam_core.registry import LITE_WEIGHTS, find_weights
from sam_core.weight_files import read_payload

APACHE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What is known of a set of weights; empty where nobody has said.

    training: "none" as published, "recipe" where the file names how it was trained. parent: what it started from.
    figures: mean IoU at the photo's size after n clicks ("miou_1") or a box ("miou_box"), 0..1.
    """

    weights_licence: str = ""
    data_licence: str = ""
    training: Literal["none", "recipe", "project"] = "none"
    parent: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


def origin_of(name: str, checkpoint: str | None = None) -> Origin:
    """Return what is known of a model's weights; raise CheckpointError when they are not there."""
    path = find_weights(name, checkpoint)
    if path is None:
        return published_origin(name)
    digest, official = sha256_of(path), CHECKPOINTS.get(name)
    if (official is not None and digest == official.sha256) or (name == "sam_lite" and _is_shipped(path, digest)):
        return published_origin(name)
    return _own(path) if name == "sam_lite" else Origin()


def _is_shipped(path: Path, digest: str) -> bool:
    return path == LITE_WEIGHTS or (LITE_WEIGHTS.is_file() and digest == sha256_of(LITE_WEIGHTS))


def published_origin(name: str) -> Origin:
    """Return what is known of the weights that were published under a name of the registry, which may not be here."""
    official = CHECKPOINTS.get(name)
    if official is None and name != "sam_lite":
        return Origin(weights_licence=APACHE, data_licence="none: the weights are drawn from a seed")
    weights_licence = official.licence if official else APACHE
    if name == "sam_lite":
        data = "35 public sets, each its own licence: some allow research only"
        figures = {"miou_1": 0.681, "miou_2": 0.785, "miou_4": 0.853, "miou_box": 0.839}
        return Origin(weights_licence=weights_licence, data_licence=data, figures=figures)
    if name.startswith("sam_hq"):
        data = "HQSeg-44K, six sets of their own licences, and SA-1B: research only"
    elif name.startswith("sam2"):
        data = "SA-1B: research only; SA-V: CC BY 4.0; unpublished data"
    else:
        data = "SA-1B: research only"
    return Origin(weights_licence=weights_licence, data_licence=data)


def _own(path: Path) -> Origin:
    """Return what a file says of its own training; the licence is whoever's who trained it."""
    training: Any = read_payload(path).get("training")
    if not isinstance(training, dict) or "recipe" not in training:
        return Origin()
    start = training.get("started_from")
    return Origin(training="recipe", parent=start if isinstance(start, str) else None)
