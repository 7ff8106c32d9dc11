"""The models of the decoder's benchmark: the published decoder, the browser decoders of SAM, sam_lite and SAM 2.1."""

import json
from pathlib import Path

import torch
from torch import nn

from sam_core.embedding import pack
from sam_core.errors import CheckpointError
from sam_core.modeling.hiera import HieraConfig
from sam_core.modeling.mask_decoder import MaskDecoder
from sam_core.modeling.prompt_encoder import PromptEncoder
from sam_core.modeling.sam import Sam
from sam_core.modeling.sam2 import Sam2
from sam_core.modeling.transformer import TwoWayTransformer
from sam_core.onnx import export_browser_decoder, export_published_decoder
from sam_core.onnx.browser_checks import made_up_embedding
from tests.sam_core.tiny_models import build_sam, untrained_sam

FULL_CHANNELS, FULL_SIDE, GRID, PATCH = 256, 1024, 64, 16


def build_full_decoder() -> Sam:
    """Return SAM's own prompt encoder and decoder with seeded weights; a patch embedding stands for the encoder."""
    torch.manual_seed(0)
    encoder = nn.Conv2d(3, FULL_CHANNELS, PATCH, stride=PATCH)
    decoder = MaskDecoder(FULL_CHANNELS, TwoWayTransformer(2, FULL_CHANNELS, 8, mlp_dim=2048))
    smooth_upscaling(decoder)
    return Sam(
        image_encoder=encoder,
        prompt_encoder=PromptEncoder(FULL_CHANNELS, (GRID, GRID), (FULL_SIDE, FULL_SIDE)),
        mask_decoder=decoder,
        pixel_mean=(123.675, 116.28, 103.53),
        pixel_std=(58.395, 57.12, 57.375),
    ).eval()


def build_sam2_decoder() -> Sam2:
    """Return SAM 2.1's own prompt encoder and decoder with seeded weights; a small trunk stands for its encoders."""
    torch.manual_seed(0)
    model = Sam2(HieraConfig(embed_dim=8, num_heads=1, stages=(1, 1, 1, 1), global_blocks=()))
    smooth_upscaling(model.sam_mask_decoder)
    return model.eval()


@torch.no_grad()
def smooth_upscaling(decoder: MaskDecoder) -> None:
    """Let the four taps of each transposed convolution begin equal. In place; costs and graph stay the same.

    Random taps turn every answer into a chequerboard with 40,000 border cells, which no trained decoder draws;
    like this there are about 1,000, as in sam_lite's masks of photos, and what comes after the graph costs as much.
    """
    for layer in decoder.output_upscaling:
        if isinstance(layer, nn.ConvTranspose2d):
            layer.weight.copy_(layer.weight[:, :, :1, :1].expand_as(layer.weight))


def build_lite() -> Sam:
    """Return sam_lite with its weights, or untrained where the source tree has none: times do not depend on them."""
    try:
        return build_sam("sam_lite")
    except CheckpointError:
        torch.manual_seed(0)
        return untrained_sam("sam_lite").eval()


def write_models(folder: Path) -> dict[str, object]:
    """Export every graph into folder, with an embedding for each; return the exports' own checks."""
    folder.mkdir(parents=True, exist_ok=True)
    checks: dict[str, object] = {}
    for name, sam in (("full", build_full_decoder()), ("lite", build_lite()), ("sam2", build_sam2_decoder())):
        manifest = export_browser_decoder(sam, folder / name, model_version=f"bench_{name}")
        checks[name] = {"plain": manifest["largest_difference"]} | {
            "accelerator": (manifest["accelerator"] or {}).get("largest_difference")
        }
        # of a picture of shapes: masks of noise as an embedding have borders everywhere, as no photo's have
        (folder / f"{name}.npy").write_bytes(pack(made_up_embedding(sam), sam.embedding))
        if name == "full":
            export_published_decoder(sam, folder / "published.onnx")
    (folder / "checks.json").write_text(json.dumps(checks), encoding="utf-8")
    return checks
