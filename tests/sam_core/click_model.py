"""A miniature SAM that was really trained to answer a click with blobs around it.

An untrained decoder's masks all cover the whole photo, so nothing that a filter or NMS decides would show. This one
finds parts of many sizes wherever it is clicked, some of them cut by crops, some unstable, many of them duplicates.
Its weights (click_model.pt, float16) lie beside it; training again takes about 75 seconds of one core:

    python -m tests.sam_core.click_model
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from sam_core.backends.torch_backend import TorchPredictor
from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.modeling.sam import Sam
from sam_core.registry import MODELS
from tests.sam_core.tiny_models import untrained_sam

WEIGHTS = Path(__file__).with_name("click_model.pt")
STEPS, BATCH, LEARNING_RATE, SEED = 4000, 8, 2e-3, 7
RADII = (5.0, 3.5, 6.0, 10.0)  # of the four candidates, in low-res pixels of 32
CLAMP = 3.0


@lru_cache(maxsize=1)
def click_predictor() -> TorchPredictor:
    """Return a predictor with the trained model."""
    sam = MODELS["sam_tiny_test"].build_untrained()
    state = torch.load(WEIGHTS, weights_only=True)
    sam.load_state_dict({name: value.float() for name, value in state.items()})
    return TorchPredictor(sam.eval(), "click_model")


def train() -> Sam:
    """Train the model on two random photos."""
    torch.manual_seed(SEED)
    sam = untrained_sam()
    with torch.no_grad():
        embeddings = sam.encode(torch.rand(2, 3, sam.image_size, sam.image_size) * 255)[IMAGE_EMBEDDINGS]
    parameters = [*sam.mask_decoder.parameters(), *sam.prompt_encoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
    for step in range(STEPS):
        loss = _loss(sam, {IMAGE_EMBEDDINGS: embeddings[step % 2][None]})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return sam.eval()


def _loss(sam: Sam, embedding: dict[str, Tensor]) -> Tensor:
    points = torch.rand(BATCH, 2) * sam.image_size
    coords = torch.stack([points, torch.zeros_like(points)], dim=1)
    logits, iou = sam.decode(embedding, coords, torch.tensor([[1, -1]]).expand(BATCH, 2))
    pixel = sam.image_size / sam.mask_side
    axis = (torch.arange(sam.mask_side) + 0.5) * pixel
    x, y = points[:, 0, None, None], points[:, 1, None, None]
    distance = torch.hypot(axis[None, None, :] - x, axis[None, :, None] - y)[:, None]  # B x 1 x side x side
    wanted = (torch.tensor(RADII)[None, :, None, None] - distance / pixel).clamp(-CLAMP, CLAMP)
    wanted_iou = 0.75 + 0.2 * torch.sin(points.sum(dim=1, keepdim=True) / 7 + torch.arange(4))
    return (logits - wanted).square().mean() + 4 * (iou - wanted_iou).square().mean()


if __name__ == "__main__":
    torch.save({name: value.half() for name, value in train().state_dict().items()}, WEIGHTS)
