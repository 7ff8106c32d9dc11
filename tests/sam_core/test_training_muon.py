"""Muon: orthogonal updates, their size, and which parameters it takes."""

from __future__ import annotations

import pytest
import torch

from sam_core.modeling.lite import build_sam_lite
from sam_core.training.muon import UPDATE_RMS, Muon, orthogonalised, takes


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(16, 40), (40, 16)])
def test_an_orthogonal_update_goes_as_far_in_every_direction(shape: tuple[int, int], dtype: torch.dtype) -> None:
    scales = torch.tensor([1.0, 1e3])[:, None, None]
    spread = torch.logspace(-2, 0, shape[1])
    matrices = torch.randn(2, *shape, generator=torch.Generator().manual_seed(1)) * spread * scales
    updates = orthogonalised(matrices.to(dtype)).float()
    assert updates.shape == matrices.shape
    for matrix, update in zip(matrices, updates, strict=True):
        values = torch.linalg.svdvals(update)
        assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
        assert float(torch.linalg.svdvals(matrix).min() / torch.linalg.svdvals(matrix).max()) < 0.5
        assert float((update * matrix).sum()) > 0


def test_muon_moves_matrices_of_one_shape_each_by_its_own_gradient() -> None:
    torch.manual_seed(4)
    gradients = torch.randn(3, 16, 24)
    together = [torch.nn.Parameter(torch.zeros(16, 24)) for _ in gradients]
    alone = [torch.nn.Parameter(torch.zeros(16, 24)) for _ in gradients]
    for weight, lonely, gradient in zip(together, alone, gradients, strict=True):
        weight.grad, lonely.grad = gradient.clone(), gradient.clone()
        Muon([{"params": [lonely], "lr": 0.1}]).step()
    Muon([{"params": together, "lr": 0.1}]).step()
    for weight, lonely in zip(together, alone, strict=True):
        torch.testing.assert_close(weight, lonely)
        assert weight.detach().norm() > 0.1


def test_muon_moves_an_entry_as_far_as_its_rate_says_and_decays_the_weight() -> None:
    weight = torch.nn.Parameter(torch.ones(32, 8, 2, 2))
    optimizer = Muon([{"params": [weight], "lr": 0.01, "weight_decay": 0.5}])
    weight.grad = torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)) * 1e-3
    optimizer.step()
    moved = weight.detach() - (1 - 0.01 * 0.5)
    assert 0.5 * UPDATE_RMS < float(moved.square().mean().sqrt()) / 0.01 < 1.5 * UPDATE_RMS
    assert float((moved * weight.grad).sum()) < 0


def test_muon_takes_matrices_and_leaves_tables_and_depthwise_kernels() -> None:
    taken = {n for n, p in build_sam_lite(64).named_parameters() if takes(p)}
    assert "mask_decoder.transformer.layers.0.mlp.lin1.weight" in taken
    assert "image_encoder.blocks.3.project.weight" in taken
    assert "mask_decoder.transformer.layers.0.cross_attn_token_to_image.q_proj.weight" in taken
    assert not any("embed" in name or name.endswith(("token.weight", "tokens.weight", "bias")) for name in taken)
    assert "image_encoder.blocks.3.depthwise.weight" not in taken
