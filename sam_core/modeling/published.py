"""Put a published-size prompt encoder and mask decoder behind an image encoder.

Must not know: files, names of variants. Source: Kirillov et al., arXiv 2304.02643, appendix A: a decoder of two
layers, 256 wide, with 8 heads, cross-attention at half the width and an MLP of 2048.
"""

import torch
from torch import nn

from sam_core.modeling.image_encoder import ImageEncoderViT, ViTConfig
from sam_core.modeling.mask_decoder import MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.sam import Sam
from sam_core.modeling.tiny_vit import TinyViT
from sam_core.modeling.transformer import TwoWayTransformer

PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)

DECODER_DEPTH = 2
DECODER_HEADS = 8
DECODER_MLP_DIM = 2048
IOU_HEAD_DEPTH = 3
IOU_HEAD_HIDDEN_DIM = 256
MASK_IN_CHANS = 16

TINY_CONFIG = ViTConfig(
    embed_dim=32, depth=2, num_heads=2, global_blocks=(1,), image_size=64, patch_size=8, window_size=3, out_chans=32
)


def build_published(image_encoder: ImageEncoderViT | TinyViT) -> Sam:
    """Return an untrained SAM of published dimensions around an image encoder."""
    return _assemble(
        image_encoder,
        heads=DECODER_HEADS,
        mlp_dim=DECODER_MLP_DIM,
        iou_hidden_dim=IOU_HEAD_HIDDEN_DIM,
    )


def build_seeded_tiny(seed: int) -> Sam:
    """Return a miniature SAM whose weights depend on the seed alone; leaves the caller's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sam = _assemble(ImageEncoderViT(TINY_CONFIG), heads=4, mlp_dim=64, iou_hidden_dim=32)
        for name, parameter in sam.named_parameters():
            # Published training starts these at zero; a miniature that leaves them there would hide mistakes.
            if "pos" in name and "point" not in name:
                nn.init.normal_(parameter, std=0.5)
    return sam


def _assemble(image_encoder: ImageEncoderViT | TinyViT, *, heads: int, mlp_dim: int, iou_hidden_dim: int) -> Sam:
    config = image_encoder.config
    dim, side = config.out_chans, config.grid_size
    return Sam(
        image_encoder=image_encoder,
        prompt_encoder=PromptEncoder(dim, (side, side), (config.image_size, config.image_size), MASK_IN_CHANS),
        mask_decoder=MaskDecoder(
            dim,
            TwoWayTransformer(DECODER_DEPTH, dim, heads, mlp_dim=mlp_dim),
            iou_head_depth=IOU_HEAD_DEPTH,
            iou_head_hidden_dim=iou_hidden_dim,
        ),
        pixel_mean=PIXEL_MEAN,
        pixel_std=PIXEL_STD,
    )
