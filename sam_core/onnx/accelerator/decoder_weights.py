"""Read the weights of a prompt encoder and mask decoder as numpy arrays, in the form the browser graphs multiply with.

Must not know: ONNX. Linear weights come out as (inputs x outputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sam_core.modeling.mask_decoder import MaskDecoder
    from sam_core.modeling.prompt_encoder import PromptEncoder
    from sam_core.modeling.promptable import PromptableModel
    from sam_core.modeling.sam import Sam
    from sam_core.modeling.sam2 import Sam2

NUM_LAYERS = 2
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """y = x @ weight + bias; weight (inputs x outputs)."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True)
class Norm:
    """Layer normalisation over the channels."""

    gain: Floats
    bias: Floats
    eps: float


@dataclass(frozen=True)
class AttentionWeights:
    """One attention; the scale 1/sqrt(head width) is already in q."""

    q: Linear
    k: Linear
    v: Linear
    out: Linear
    heads: int

    @property
    def width(self) -> int:
        """Return the inner width of all heads together."""
        return int(self.q.weight.shape[1])


@dataclass(frozen=True)
class BlockWeights:
    """One two-way block."""

    self_attention: AttentionWeights
    to_image: AttentionWeights
    to_tokens: AttentionWeights
    mlp: tuple[Linear, Linear]
    norms: tuple[Norm, Norm, Norm, Norm]


@dataclass(frozen=True)
class DecoderWeights:
    """Everything the browser graphs need of a model, in float64 so that products of weights lose nothing.

    is_sam2: SAM 2.1's decoder. An object token stands before the others, boxes have a padding point, mask prompts have
    a limit, predicted IoU goes through a sigmoid, and finer features are added while up-scaling.
    """

    is_sam2: bool
    image_size: int
    grid: int
    channels: int
    fourier: Floats  # 2 x C/2
    point_table: Floats  # 5 x C: padding, background, foreground, box corners
    no_mask: Floats  # C
    mask_convs: tuple[tuple[Floats, Floats], tuple[Floats, Floats]]
    mask_norms: tuple[Norm, Norm]
    mask_out: Linear  # 16 -> C
    output_tokens: Floats  # 5 x C: IoU token, four mask tokens; 6 x C with the object token before them
    blocks: tuple[BlockWeights, BlockWeights]
    final_attention: AttentionWeights
    final_norm: Norm
    up1: Linear  # C -> (2 x 2 x C/4)
    up1_norm: Norm
    up2: Linear  # C/4 -> (2 x 2 x C/8)
    hypernetworks: tuple[tuple[Linear, ...], ...]
    iou_head: tuple[Linear, ...]


class _State:
    """A state dict with the conversions that are needed more than once."""

    def __init__(self, prompt_encoder: PromptEncoder, mask_decoder: MaskDecoder) -> None:
        parts = {"prompt_encoder": prompt_encoder, "mask_decoder": mask_decoder}
        self.arrays: dict[str, Floats] = {
            f"{part}.{name}": value.detach().cpu().numpy().astype(np.float64)
            for part, module in parts.items()
            for name, value in module.state_dict().items()
        }

    def linear(self, name: str) -> Linear:
        return Linear(self.arrays[f"{name}.weight"].T, self.arrays[f"{name}.bias"])

    def conv(self, name: str) -> tuple[Floats, Floats]:
        return self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"]

    def norm(self, name: str, module: Any) -> Norm:
        return Norm(self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"], float(module.eps))

    def attention(self, name: str, heads: int) -> AttentionWeights:
        q = self.linear(f"{name}.q_proj")
        scale = (q.weight.shape[1] // heads) ** -0.5
        return AttentionWeights(
            Linear(q.weight * scale, q.bias * scale),
            self.linear(f"{name}.k_proj"),
            self.linear(f"{name}.v_proj"),
            self.linear(f"{name}.out_proj"),
            heads,
        )

    def transposed_conv(self, name: str) -> Linear:
        """Kernel 2, stride 2: each input pixel makes 2 x 2 output pixels on its own."""
        weight = self.arrays[f"{name}.weight"]  # Cin x Cout x 2 x 2
        matrix = weight.transpose(0, 2, 3, 1).reshape(weight.shape[0], -1)
        return Linear(matrix, np.tile(self.arrays[f"{name}.bias"], 4))

    def block_mlp(self, name: str) -> tuple[Linear, Linear]:
        """Return the two layers of a two-way block, which SAM 2 names otherwise."""
        layers = ("lin1", "lin2") if f"{name}.lin1.weight" in self.arrays else ("layers.0", "layers.1")
        return self.linear(f"{name}.{layers[0]}"), self.linear(f"{name}.{layers[1]}")

    def mlp(self, name: str, depth: int) -> tuple[Linear, ...]:
        return tuple(self.linear(f"{name}.layers.{i}") for i in range(depth))


def transformer_heads(decoder: MaskDecoder) -> int:
    """Return the number of attention heads, which no weight's shape tells."""
    attention: Any = decoder.transformer.final_attn_token_to_image
    return int(attention.num_heads)


def _read_block(state: _State, decoder: MaskDecoder, index: int) -> BlockWeights:
    module = decoder.transformer.layers[index]
    prefix = f"mask_decoder.transformer.layers.{index}"
    heads = transformer_heads(decoder)
    norms = [state.norm(f"{prefix}.norm{i}", getattr(module, f"norm{i}")) for i in (1, 2, 3, 4)]
    return BlockWeights(
        state.attention(f"{prefix}.self_attn", heads),
        state.attention(f"{prefix}.cross_attn_token_to_image", heads),
        state.attention(f"{prefix}.cross_attn_image_to_token", heads),
        state.block_mlp(f"{prefix}.mlp"),
        (norms[0], norms[1], norms[2], norms[3]),
    )


def fits_accelerator(model: PromptableModel) -> TypeGuard[Sam | Sam2]:
    """Return whether a model has SAM's decoder or SAM 2.1's, with a transformer of two layers."""
    from sam_core.modeling.sam import Sam
    from sam_core.modeling.sam2 import Sam2

    return isinstance(model, Sam | Sam2) and len(_parts(model)[1].transformer.layers) == NUM_LAYERS


def _parts(model: Sam | Sam2) -> tuple[PromptEncoder, MaskDecoder]:
    from sam_core.modeling.sam2 import Sam2

    if isinstance(model, Sam2):
        return model.sam_prompt_encoder, model.sam_mask_decoder
    return model.prompt_encoder, model.mask_decoder


def read_decoder_weights(model: Sam | Sam2) -> DecoderWeights:
    """Collect the weights of the prompt encoder and mask decoder of a model that fits_accelerator."""
    prompts, decoder = _parts(model)
    state = _State(prompts, decoder)
    arrays, transformer = state.arrays, decoder.transformer
    is_sam2 = "mask_decoder.obj_score_token.weight" in arrays
    own = [f"mask_decoder.{name}.weight" for name in ["obj_score_token"] * is_sam2 + ["iou_token", "mask_tokens"]]
    mask = "prompt_encoder.mask_downscaling"
    mask_out = arrays[f"{mask}.6.weight"]
    points = ["not_a_point_embed", *(f"point_embeddings.{i}" for i in range(4))]
    upscaling = "mask_decoder.output_upscaling"
    return DecoderWeights(
        is_sam2=is_sam2,
        image_size=model.image_size,
        grid=model.mask_side // 4,
        channels=decoder.transformer_dim,
        fourier=arrays["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"],
        point_table=np.concatenate([arrays[f"prompt_encoder.{name}.weight"] for name in points]),
        no_mask=arrays["prompt_encoder.no_mask_embed.weight"][0],
        mask_convs=(state.conv(f"{mask}.0"), state.conv(f"{mask}.3")),
        mask_norms=(
            state.norm(f"{mask}.1", prompts.mask_downscaling[1]),
            state.norm(f"{mask}.4", prompts.mask_downscaling[4]),
        ),
        mask_out=Linear(mask_out[:, :, 0, 0].T, arrays[f"{mask}.6.bias"]),
        output_tokens=np.concatenate([arrays[name] for name in own]),
        blocks=(_read_block(state, decoder, 0), _read_block(state, decoder, 1)),
        final_attention=state.attention(
            "mask_decoder.transformer.final_attn_token_to_image", transformer_heads(decoder)
        ),
        final_norm=state.norm("mask_decoder.transformer.norm_final_attn", transformer.norm_final_attn),
        up1=state.transposed_conv(f"{upscaling}.0"),
        up1_norm=state.norm(f"{upscaling}.1", decoder.output_upscaling[1]),
        up2=state.transposed_conv(f"{upscaling}.3"),
        hypernetworks=tuple(
            state.mlp(f"mask_decoder.output_hypernetworks_mlps.{i}", 3)
            for i in range(len(decoder.output_hypernetworks_mlps))
        ),
        iou_head=state.mlp("mask_decoder.iou_prediction_head", len(decoder.iou_prediction_head.layers)),
    )
