"""Read the weights of a prompt encoder and mask decoder as numpy arrays, in the form the browser graphs multiply with.

Must not know: ONNX. Linear weights come out as (inputs x outputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sam_core.modeling.promptable import PromptableModel
    from sam_core.modeling.sam import Sam

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
    """Everything the browser graphs need of a Sam, in float64 so that products of weights lose nothing."""

    image_size: int
    grid: int
    channels: int
    fourier: Floats  # 2 x C/2
    point_table: Floats  # 5 x C: padding, background, foreground, box corners
    no_mask: Floats  # C
    mask_convs: tuple[tuple[Floats, Floats], tuple[Floats, Floats]]
    mask_norms: tuple[Norm, Norm]
    mask_out: Linear  # 16 -> C
    output_tokens: Floats  # 5 x C: IoU token, four mask tokens
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

    def __init__(self, sam: Sam) -> None:
        self.arrays: dict[str, Floats] = {
            name: value.detach().cpu().numpy().astype(np.float64)
            for name, value in sam.state_dict().items()
            if not name.startswith("image_encoder.")
        }

    def linear(self, name: str) -> Linear:
        return Linear(self.arrays[f"{name}.weight"].T, self.arrays[f"{name}.bias"])

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

    def mlp(self, name: str, depth: int) -> tuple[Linear, ...]:
        return tuple(self.linear(f"{name}.layers.{i}") for i in range(depth))


def transformer_heads(sam: Sam) -> int:
    """Return the number of attention heads, which no weight's shape tells."""
    attention: Any = sam.mask_decoder.transformer.final_attn_token_to_image
    return int(attention.num_heads)


def _read_block(state: _State, sam: Sam, index: int) -> BlockWeights:
    module = sam.mask_decoder.transformer.layers[index]
    prefix = f"mask_decoder.transformer.layers.{index}"
    heads = transformer_heads(sam)
    norms = [state.norm(f"{prefix}.norm{i}", getattr(module, f"norm{i}")) for i in (1, 2, 3, 4)]
    return BlockWeights(
        state.attention(f"{prefix}.self_attn", heads),
        state.attention(f"{prefix}.cross_attn_token_to_image", heads),
        state.attention(f"{prefix}.cross_attn_image_to_token", heads),
        (state.linear(f"{prefix}.mlp.lin1"), state.linear(f"{prefix}.mlp.lin2")),
        (norms[0], norms[1], norms[2], norms[3]),
    )


def fits_accelerator(sam: PromptableModel) -> TypeGuard[Sam]:
    """Return whether sam has SAM's decoder: it is one, with one embedding tensor and a transformer of two layers."""
    from sam_core.modeling.sam import Sam

    if not isinstance(sam, Sam) or len(sam.embedding) != 1:
        return False
    return len(sam.mask_decoder.transformer.layers) == NUM_LAYERS


def read_decoder_weights(sam: Sam) -> DecoderWeights:
    """Collect the weights of the prompt encoder and mask decoder of a sam that fits_accelerator."""
    state = _State(sam)
    arrays, transformer, decoder = state.arrays, sam.mask_decoder.transformer, sam.mask_decoder
    mask = "prompt_encoder.mask_downscaling"
    mask_out = arrays[f"{mask}.6.weight"]
    points = ["not_a_point_embed", *(f"point_embeddings.{i}" for i in range(4))]
    upscaling = "mask_decoder.output_upscaling"
    return DecoderWeights(
        image_size=sam.image_size,
        grid=sam.embedding_size,
        channels=decoder.transformer_dim,
        fourier=arrays["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"],
        point_table=np.concatenate([arrays[f"prompt_encoder.{name}.weight"] for name in points]),
        no_mask=arrays["prompt_encoder.no_mask_embed.weight"][0],
        mask_convs=tuple((arrays[f"{mask}.{i}.weight"], arrays[f"{mask}.{i}.bias"]) for i in (0, 3)),  # type: ignore[arg-type]
        mask_norms=tuple(state.norm(f"{mask}.{i}", sam.prompt_encoder.mask_downscaling[i]) for i in (1, 4)),  # type: ignore[arg-type]
        mask_out=Linear(mask_out[:, :, 0, 0].T, arrays[f"{mask}.6.bias"]),
        output_tokens=np.concatenate(
            [arrays["mask_decoder.iou_token.weight"], arrays["mask_decoder.mask_tokens.weight"]]
        ),
        blocks=(_read_block(state, sam, 0), _read_block(state, sam, 1)),
        final_attention=state.attention("mask_decoder.transformer.final_attn_token_to_image", transformer_heads(sam)),
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
