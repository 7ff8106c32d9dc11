"""Which parameter learns by which optimiser, at which rate, with which decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sam_core.modeling.promptable import PromptableModel
from sam_core.training import muon
from sam_core.training.config import OptimConfig
from sam_core.training.parts import part_of


def build_optimizers(model: PromptableModel, config: OptimConfig) -> list[torch.optim.Optimizer]:
    """AdamW, or Muon for matrices and AdamW for the rest; the pre-trained encoder has a rate of its own.

    Norms and biases do not decay. Each group's rate is lr_ratio times the schedule's.
    """
    groups: dict[tuple[bool, float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        ratio = config.encoder_lr_ratio if part_of(name) == "encoder" else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        is_matrix = config.optimizer == "muon" and muon.takes(parameter)
        groups.setdefault((is_matrix, ratio, decay), []).append(parameter)

    def chosen(for_matrices: bool) -> list[dict[str, Any]]:
        return [
            {"params": parameters, "lr": 0.0, "weight_decay": decay, "lr_ratio": ratio}
            for (is_matrix, ratio, decay), parameters in groups.items()
            if is_matrix == for_matrices
        ]

    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(chosen(False), betas=(0.9, 0.999))]
    if matrices := chosen(True):
        optimizers.append(muon.Muon(matrices, dtype=fast_dtype(next(model.parameters()).device)))
    return optimizers


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where a device multiplies matrices of it twice as fast or more, else float32."""
    processor = torch.cpu.get_capabilities()
    is_fast_cpu = device.type == "cpu" and bool(processor.get("amx_bf16") or processor.get("avx512_bf16"))
    return torch.bfloat16 if device.type == "cuda" or is_fast_cpu else torch.float32
