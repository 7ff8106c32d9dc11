"""Muon: momentum whose update of every matrix is made orthogonal, so that all directions are learned at one rate.

Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024), with the step size of Liu et
al., "Muon is scalable for LLM training" (arXiv 2502.16982), under which AdamW's rates and weight decay stay right.
torch.optim.Muon takes matrices only; a convolution's kernel is one here, outputs x (inputs and taps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
UPDATE_RMS = 0.2  # of an entry of AdamW's update, which this one's is scaled to
FEWEST_ROWS = 16
SMALLEST_NORM = 1e-7


def takes(parameter: Tensor) -> bool:
    """Return whether a parameter is a matrix to this optimiser: no depthwise kernel, no table of few rows."""
    is_depthwise = parameter.ndim > 2 and parameter.shape[1] == 1
    if parameter.ndim < 2 or is_depthwise:
        return False
    return parameter.shape[0] >= FEWEST_ROWS and parameter[0].numel() >= FEWEST_ROWS


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return about U V^T of matrix = U S V^T (m, n), by a Newton-Schulz iteration of degree five."""
    a, b, c = COEFFICIENTS
    is_tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if is_tall else matrix
    x = x / (x.norm() + SMALLEST_NORM)
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if is_tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; decoupled weight decay. Parameters have two axes or more."""

    def __init__(self, groups: Iterable[dict[str, Any]], *, momentum: float = 0.95) -> None:
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient; a closure is not supported."""
        if closure is not None:
            raise ValueError("Muon takes one gradient a step")
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)

    def _move(self, parameter: nn.Parameter, gradient: Tensor, group: dict[str, Any]) -> None:
        rate, momentum = group["lr"], group["momentum"]
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].lerp_(gradient, 1 - momentum)
        ahead = torch.lerp(gradient, average, momentum).flatten(1)
        update = orthogonalised(ahead) * (UPDATE_RMS * max(ahead.shape) ** 0.5)
        parameter.mul_(1 - rate * group["weight_decay"])
        parameter.add_(update.view_as(parameter), alpha=-rate)
