"""What variants of SAM-HQ answer with seeded weights on a made-up picture: samples of numbers.

    python -m tests.sam_core.hq_golden        writes hq_golden.json

Recorded after ViT-tiny had been seen to agree with the published code (docs/models/sam_hq.md). ViT-L and H are ViT-B
with other numbers; their weights are too large for a test.
"""

from __future__ import annotations

import json
from pathlib import Path

from sam_core.modeling.hq import HqSam
from sam_core.modeling.image_encoder import ImageEncoderViT, ViTConfig
from sam_core.modeling.tiny_vit import TinyViT, TinyViTConfig
from sam_core.registry import VIT_SIZES
from tests.sam_core.sam2_golden import SIDE, answers, fill

RECORD = Path(__file__).with_suffix(".json")
VARIANTS = ("tiny", "b")


def build(size: str) -> HqSam:
    """Return a variant for small pictures with weights from the pool."""
    if size == "tiny":
        return fill(HqSam(TinyViT(TinyViTConfig(image_size=SIDE))))
    embed_dim, depth, num_heads, global_blocks = VIT_SIZES[size]
    config = ViTConfig(
        embed_dim=embed_dim, depth=depth, num_heads=num_heads, global_blocks=global_blocks, image_size=SIDE
    )
    return fill(HqSam(ImageEncoderViT(config)))


if __name__ == "__main__":
    RECORD.write_text(json.dumps({name: answers(build(name)) for name in VARIANTS}, indent=1) + "\n", encoding="utf-8")
