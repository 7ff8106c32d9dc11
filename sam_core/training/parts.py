"""The parts of a model that a recipe lets learn, whatever the model is: decoder, neck, encoder, adapters.

The decoder is what answers prompts: prompt encoder and mask decoder. What a model computes once an image behind its
encoder is the neck, wherever its weights lie: an embedding on disk holds what came of it. Must not know: photos, steps.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.modeling.lite_encoder import LiteImageEncoder
from sam_core.modeling.promptable import PromptableModel
from sam_core.training.adapters import is_adapter
from sam_core.training.config import OptimConfig

ENCODER, NECK = "image_encoder.", "image_encoder.neck"
# of SAM 2.1 and of SAM-HQ, behind the encoder and before any prompt
ONCE_AN_IMAGE = (
    "no_mem_embed",
    "sam_mask_decoder.conv_s0.",
    "sam_mask_decoder.conv_s1.",
    "mask_decoder.compress_vit_feat.",
    "mask_decoder.embedding_encoder.",
)
BLOCK = re.compile(r"image_encoder\.(?:trunk\.)?(?:blocks|layers)\.(\d+)\.")


def part_of(name: str) -> str:
    """Return which of PARTS a parameter belongs to, by its name."""
    if name.startswith((NECK, *ONCE_AN_IMAGE)):
        return "neck"
    return "encoder" if name.startswith(ENCODER) else "decoder"


def freeze(model: PromptableModel, config: OptimConfig) -> None:
    """Let a recipe's parts and all adapters learn, and nothing else. In place."""
    for name, parameter in model.named_parameters():
        learns = part_of(name) in config.parts and not is_in_first_blocks(name, config.frozen_blocks)
        parameter.requires_grad_(learns or is_adapter(name))


def is_in_first_blocks(name: str, count: int) -> bool:
    """Tell whether a parameter lies in the encoder's first blocks, or before them where there are any."""
    if not count or part_of(name) != "encoder":
        return False
    block = BLOCK.match(name)
    return block is None or int(block[1]) < count


def is_encoding_fixed(config: OptimConfig) -> bool:
    """Tell whether a photo's embedding stays what it is while a recipe runs."""
    return config.adapter_rank == 0 and not {"neck", "encoder"} & set(config.parts)


def encode(model: PromptableModel, pixels: Tensor, config: OptimConfig, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the embedding of pixels (B, 3, S, S) in float32; what is frozen is computed in dtype."""
    x = model.preprocess(pixels)
    is_reduced = dtype != torch.float32
    if is_encoding_fixed(config):
        with torch.no_grad(), torch.autocast(x.device.type, dtype, enabled=is_reduced):
            return {name: value.float() for name, value in model.encode_input(x).items()}
    encoder = getattr(model, "image_encoder", None)
    if isinstance(encoder, LiteImageEncoder):
        return {IMAGE_EMBEDDINGS: _encode_lite(encoder, x, config, dtype)}
    with torch.autocast(x.device.type, dtype, enabled=is_reduced and x.is_cuda):
        return {name: value.float() for name, value in model.encode_input(x).items()}


def _encode_lite(encoder: LiteImageEncoder, x: Tensor, config: OptimConfig, dtype: torch.dtype) -> Tensor:
    taps: list[Tensor] = []
    frozen_blocks = config.frozen_blocks if "encoder" in config.parts else len(encoder.blocks)
    with torch.no_grad(), torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        if frozen_blocks:
            x = encoder.run_blocks(encoder.start(x), taps, 0, frozen_blocks).float()
            taps = [tap.float() for tap in taps]
    with torch.autocast(x.device.type, dtype, enabled=x.is_cuda):
        # a CPU's depthwise convolutions are several times slower to differentiate in bfloat16
        x = x if frozen_blocks else encoder.start(x)
        encoder.run_blocks(x, taps, frozen_blocks, len(encoder.blocks))
        embeddings: Tensor = encoder.neck(*taps)
    return embeddings.float()
