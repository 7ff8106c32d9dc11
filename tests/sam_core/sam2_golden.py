"""What each variant of SAM 2.1 answers with seeded weights on a made-up picture: samples of numbers.

    python -m tests.sam_core.sam2_golden        writes sam2_golden.json

Shapes do not tell windows, heads and global blocks apart, so this does. Inputs are small, for speed. It was recorded
after the tiny variant had been seen to agree with the published code (docs/models/sam2.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from sam_core.modeling import sam2
from sam_core.modeling.promptable import PromptableModel
from sam_core.modeling.published import PIXEL_MEAN, PIXEL_STD
from sam_core.modeling.sam2 import Sam2

RECORD = Path(__file__).with_suffix(".json")
VARIANTS = {"tiny": sam2.TINY, "small": sam2.SMALL, "base_plus": sam2.BASE_PLUS, "large": sam2.LARGE}
SIDE = 192
POOL = 1_000_003  # a prime, so that no two rows of a matrix are alike
SAMPLES = 24


Model = TypeVar("Model", bound=PromptableModel)


def build(name: str) -> Sam2:
    """Return a variant for small pictures with weights from the pool."""
    with torch.device("meta"):
        model = Sam2(VARIANTS[name], image_size=SIDE)
    model = model.to_empty(device="cpu")
    model.pixel_mean.copy_(torch.tensor(PIXEL_MEAN)[:, None, None])
    model.pixel_std.copy_(torch.tensor(PIXEL_STD)[:, None, None])
    return fill(model)


def fill(model: Model) -> Model:
    """Cut weights from a pool of random numbers, scaled by their fan-in, in place; return the model in eval mode."""
    pool, start = torch.rand(POOL, generator=torch.Generator().manual_seed(2408)) * 2 - 1, 0
    for key, value in sorted(model.state_dict().items()):
        if not value.is_floating_point():
            continue
        count = value.numel()
        reach = (3.0 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1
        value.copy_(pool.repeat(count // POOL + 2)[start : start + count].view_as(value)).mul_(reach)
        start = (start + count) % POOL
        if value.ndim == 1 and key.endswith(("weight", "running_var")):
            value.add_(1.0)
    return model.eval()


@torch.inference_mode()
def answers(model: PromptableModel) -> dict[str, list[float]]:
    """Return samples of the embedding's tensors and of the logits of a click and a box, and their predicted IoU."""
    rows = torch.arange(SIDE * 1.0)
    picture = 127 + 120 * torch.stack(
        [torch.sin(rows[:, None] / 9 + channel) * torch.cos(rows / 23) for channel in range(3)]
    )
    embedding = model.encode(picture[None])
    coords = torch.tensor([[[90.0, 150.0], [0.0, 0.0]], [[40.0, 60.0], [200.0, 180.0]]])
    logits, iou = model.decode(embedding, coords, torch.tensor([[1, -1], [2, 3]]))
    return {name: sample(value) for name, value in {**embedding, "logits": logits, "predicted_iou": iou}.items()}


def sample(value: Tensor) -> list[float]:
    """Return SAMPLES numbers, evenly spread."""
    flat = value.flatten()
    places = torch.linspace(0, len(flat) - 1, min(SAMPLES, len(flat))).long()
    return [round(float(number), 6) for number in flat[places]]


if __name__ == "__main__":
    RECORD.write_text(json.dumps({name: answers(build(name)) for name in VARIANTS}, indent=1) + "\n", encoding="utf-8")
