"""Build sam_lite, the default model, and start its encoder from ImageNet weights for training.

The only module that knows how EfficientNet-Lite0's public state dict names its tensors.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from sam_core.masks.policy import MaskPolicy
from sam_core.modeling.lite_encoder import InvertedResidual, LiteImageEncoder, ScaledConv
from sam_core.modeling.mask_decoder import MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.sam import Sam
from sam_core.modeling.transformer import TwoWayAttentionBlock, TwoWayTransformer

LITE_IMAGE_SIZE = 512
LITE_STRIDE = 8
LITE_EMBED_DIM = 128
POSITION_GAIN = 2.0
CONTENT_START = 0.3
BATCH_NORM_EPS = 1e-3  # EfficientNet-Lite's


def build_sam_lite(image_size: int = LITE_IMAGE_SIZE) -> Sam:
    """Return sam_lite with fresh weights for square inputs of image_size, a multiple of 32."""
    grid = image_size // LITE_STRIDE
    sam = Sam(
        image_encoder=LiteImageEncoder(image_size, LITE_EMBED_DIM),
        prompt_encoder=PromptEncoder(LITE_EMBED_DIM, (grid, grid), (image_size, image_size), sketches=True),
        mask_decoder=MaskDecoder(
            LITE_EMBED_DIM,
            TwoWayTransformer(2, LITE_EMBED_DIM, 4, mlp_dim=512),
            iou_head_hidden_dim=128,
        ),
        pixel_mean=(127.0, 127.0, 127.0),  # EfficientNet-Lite's input is (x - 127) / 128
        pixel_std=(128.0, 128.0, 128.0),
        policy=MaskPolicy(weighs_click=True, keeps_clicks=True, blends_far=True, uses_flip=True, uses_crops=True),
    )
    start_attention_at_the_click(sam)
    return sam


@torch.no_grad()
def start_attention_at_the_click(sam: Sam) -> None:
    """Begin with cross-attention that already looks where the prompt is. In place; changes no function, only a start.

    Keys and queries share one orthogonal projection per head, so that equal positions score highest, and content
    begins small beside position. From a plain random start a small data set spends most of its steps on finding
    out that a click has a place (measured: after 380 steps every mask was still the most salient object).
    """
    transformer = sam.mask_decoder.transformer
    blocks = [m for m in transformer.modules() if isinstance(m, TwoWayAttentionBlock)]
    cross = [transformer.final_attn_token_to_image]
    for block in blocks:
        cross += [block.cross_attn_token_to_image, block.cross_attn_image_to_token]
        nn.init.constant_(block.norm1.weight, CONTENT_START)
    for attention in cross:
        nn.init.orthogonal_(attention.q_proj.weight, gain=POSITION_GAIN)
        attention.k_proj.weight.copy_(attention.q_proj.weight)
    if isinstance(sam.image_encoder, LiteImageEncoder):
        nn.init.constant_(sam.image_encoder.neck.norm.weight, CONTENT_START)
    encoder = sam.prompt_encoder
    for embedding in (*encoder.point_embeddings, encoder.not_a_point_embed, encoder.no_mask_embed):
        nn.init.normal_(embedding.weight, std=CONTENT_START)


def completed_state(sam: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of any version with the blocks that it lacks as they begin, where they change nothing.

    sam: freshly built. A block of which some weights are there is left as it is, for the loader to refuse.
    """
    completed = dict(state)
    for name, module in sam.named_modules():
        if getattr(module, "begins_as_identity", False):
            own = {f"{name}.{key}": value for key, value in module.state_dict().items()}
            if not own.keys() & state.keys():
                completed.update(own)
    return completed


def set_input_size(sam: Sam, image_size: int) -> None:
    """Let sam work on square inputs of another size; all its weights are independent of it. In place."""
    grid = image_size // LITE_STRIDE
    sam.prompt_encoder.input_image_size = (image_size, image_size)
    sam.prompt_encoder.image_embedding_size = (grid, grid)


def load_imagenet_weights(encoder: LiteImageEncoder, state: dict[str, Tensor]) -> None:
    """Copy EfficientNet-Lite0's convolutions and fold its batch norms into encoder, in place."""
    _fold(encoder.stem, state, "_conv_stem", "_bn0")
    for index, block in enumerate(cast("Iterable[InvertedResidual]", encoder.blocks)):
        prefix = f"_blocks.{index}."
        if block.expand is not None:
            _fold(block.expand, state, f"{prefix}_expand_conv", f"{prefix}_bn0")
        _fold(block.depthwise, state, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
        _fold(block.project, state, f"{prefix}_project_conv", f"{prefix}_bn2")


@torch.no_grad()
def _fold(conv: ScaledConv, state: dict[str, Tensor], conv_name: str, norm_name: str) -> None:
    scale = state[f"{norm_name}.weight"] / torch.sqrt(state[f"{norm_name}.running_var"] + BATCH_NORM_EPS)
    conv.weight.copy_(state[f"{conv_name}.weight"])
    conv.scale.copy_(scale)
    conv.bias.copy_(state[f"{norm_name}.bias"] - scale * state[f"{norm_name}.running_mean"])
