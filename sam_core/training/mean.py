"""The mean of two runs' weights, often better than either where the second run went on from the first.

    python -m sam_core.training.mean runs/a/weights.pt runs/b/weights.pt --share 0.6 --out runs/mean/weights.pt

Source: Wortsman et al., Robust fine-tuning of zero-shot models, arXiv 2109.01903.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sam_core.errors import CheckpointError
from sam_core.modeling.lite import build_sam_lite, completed_state
from sam_core.training.checkpoint import half_weights, load_state, save_atomically


def mean_weights(first: dict[str, Tensor], second: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return (1 - share) * first + share * second in float32; what counts instead of weighing is the second's.

    share: of the second, 0..1. Raises CheckpointError for weights of different models.
    """
    if {k: v.shape for k, v in first.items()} != {k: v.shape for k, v in second.items()}:
        raise CheckpointError("the weights are of different models: they have no mean")
    return {
        key: first[key].float() * (1 - share) + value.float() * share if value.dtype.is_floating_point else value
        for key, value in second.items()
    }


def _weights_of(state: dict[str, Any]) -> dict[str, Tensor]:
    weights = state.get("model")
    if not isinstance(weights, dict):
        raise CheckpointError("a file without weights: give two weights.pt of training runs")
    return weights


def main(argv: list[str]) -> int:
    """Write the mean of argv's two weight files, and what it is of; version and history are the second's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    if not 0 <= args.share <= 1:
        parser.error("--share must lie between 0 and 1")
    try:
        first, second = load_state(args.first), load_state(args.second)
        torch.manual_seed(0)  # older weights lack blocks: they begin where they change nothing, always alike
        fresh = build_sam_lite()
        before, after = (completed_state(fresh, _weights_of(one)) for one in (first, second))
        weights = mean_weights(before, after, args.share)
    except CheckpointError as error:
        parser.error(str(error))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    origin = {"mean_with": first.get("version"), "share": args.share}
    training = {**second.get("training", {}), **origin}
    save_atomically({**second, "model": half_weights(weights), "training": training}, args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
