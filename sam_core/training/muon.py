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


def orthogonalised(matrices: Tensor) -> Tensor:
    """Return about U V^T of each of the matrices U S V^T (K, m, n), by a Newton-Schulz iteration of degree five."""
    a, b, c = COEFFICIENTS
    is_tall = matrices.shape[1] > matrices.shape[2]
    x: Tensor = matrices.transpose(1, 2) if is_tall else matrices
    x = x / (x.norm(dim=(1, 2), keepdim=True) + SMALLEST_NORM)
    for _ in range(ITERATIONS):
        square = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if is_tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; decoupled weight decay. Parameters have two axes or more.

    dtype: of the iteration; published is bfloat16, which is what it is worth where a processor multiplies that faster.
    """

    def __init__(
        self, groups: Iterable[dict[str, Any]], *, momentum: float = 0.95, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(groups, {"lr": 0.0, "weight_decay": 0.0, "momentum": momentum})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # torch returns one
        """Move every parameter that has a gradient; a closure is not supported."""
        if closure is not None:
            raise ValueError("Muon takes one gradient a step")
        for group in self.param_groups:
            # matrices of one shape are multiplied together
            alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    ahead = self._ahead(parameter, parameter.grad, group["momentum"])
                    alike.setdefault(ahead.shape, []).append((parameter, ahead))
            for shape, rows in alike.items():
                stacked = torch.stack([ahead for _, ahead in rows])
                updates = orthogonalised(stacked.to(self.dtype)).to(stacked.dtype) * (UPDATE_RMS * max(shape) ** 0.5)
                for (parameter, _), update in zip(rows, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update.view_as(parameter), alpha=-group["lr"])

    def _ahead(self, parameter: nn.Parameter, gradient: Tensor, momentum: float) -> Tensor:
        """Take a gradient into its average and return where that leads, as a matrix."""
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        average = state["momentum"].lerp_(gradient, 1 - momentum)
        return torch.lerp(gradient, average, momentum).flatten(1)
