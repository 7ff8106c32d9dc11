"""What the tests of the browser's graphs share: a tiny model, embeddings for it, and the comparison with torch."""

from __future__ import annotations

import numpy as np
import torch

from sam_core.embedding import Tensors
from sam_core.modeling.promptable import PromptableModel
from sam_core.modeling.sam import Sam
from sam_core.onnx.browser_checks import BrowserGraphs, prompt_feeds, torch_decode
from sam_core.onnx.verify import PromptCase
from tests.sam_core.tiny_models import build_sam


def sam_off_its_start() -> Sam:
    """Return a tiny Sam whose every weight matters: norms and biases are off their neutral start."""
    model = build_sam()
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def embedding_of(sam: PromptableModel, seed: int) -> Tensors:
    """Return normally distributed tensors."""
    random = np.random.default_rng(seed)
    return {one.name: random.normal(size=one.shape).astype(np.float16) for one in sam.embedding}


def expect_torch(sam: PromptableModel, graphs: BrowserGraphs, embedding: Tensors, case: PromptCase) -> None:
    """Fail unless the graphs answer a prompt as torch does."""
    logits, iou = graphs.decode(graphs.prepare(embedding), prompt_feeds(sam, case))
    expected_logits, expected_iou = torch_decode(sam, embedding, case)
    np.testing.assert_allclose(logits, expected_logits, atol=2e-5)
    np.testing.assert_allclose(iou, expected_iou, atol=2e-5)
