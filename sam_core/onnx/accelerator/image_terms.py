"""The prepare graph: the products of an image's tokens with weights, computed once per embedding.

The decoder's image tokens are never multiplied by a weight matrix again after a click. Write a layer's tokens as

    keys = scale * (base + rows^T @ coefficients) * gain + bias          (N tokens x C channels)

`base` is the centred embedding (times the gains of the layers before), the same for every prompt; an attention of the
image to T prompt tokens adds at most heads * T rows of attention weights. So base @ W is computed here for every W
that the decoder needs, and a click multiplies the few rows alone. The mean over the channels that a layer normalisation
takes away is linear, so it is in the weights; its variance is a quadratic form in the rows (low_rank.py).

Must not know: prompts. Source of the published arithmetic: Segment Anything (arXiv 2304.02643), appendix A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import torch

from sam_core.modeling.factored_decoder import cells_of
from sam_core.modeling.sam2 import HIGH_RES_0, HIGH_RES_1, IMAGE_EMBED
from sam_core.onnx.accelerator.decoder_weights import DecoderWeights, Floats, Linear, Norm
from sam_core.onnx.accelerator.graph_builder import GraphBuilder
from sam_core.onnx.weight_file import WeightFile

SMALLEST_GAIN = 1e-6
UPSCALED_BASE = "up"  # the base after the first up-scaling, an input of the kernel
FINER, FINEST = "finer", "finest"  # SAM 2.1's features, which the kernel adds in its first and its second product


def centring(channels: int) -> Floats:
    """Return the symmetric matrix that takes the mean away from a vector of channels."""
    return np.eye(channels) - 1.0 / channels


@dataclass(frozen=True)
class ImageTerm:
    """One output of the prepare graph: matrix @ tokens (C x N), reshaped as `form` says.

    form: "heads" H x d x N, "heads_last" H x N x d, "rows" R x N, "pixels" N x R.
    """

    name: str
    matrix: Floats
    form: str
    bias: Floats | None = None
    with_position: bool = False


def image_terms(weights: DecoderWeights) -> list[ImageTerm]:
    """Return the linear terms of one embedding, in the order of the prepare graph's outputs."""
    first, second = weights.blocks
    centre = centring(weights.channels)
    gain0, gain1 = np.diag(first.norms[3].gain), np.diag(second.norms[3].gain)
    base1 = gain0 @ centre  # layer 1 sees scale * base1 @ tokens
    centred1 = centre @ base1
    base2 = gain1 @ centred1  # so does the last attention
    dual1 = centre @ gain0 @ centred1  # products with a row that went through layer 0's gain
    final = weights.final_attention
    return [
        ImageTerm("k0", first.to_image.k.weight.T, "heads", with_position=True),
        ImageTerm("v0", first.to_image.v.weight.T, "heads_last"),
        ImageTerm("q0", first.to_tokens.q.weight.T, "heads", first.to_tokens.q.bias, with_position=True),
        ImageTerm("r0", first.to_tokens.out.weight @ centre, "heads"),
        ImageTerm("e0", constant_rows(weights) @ centre, "rows"),
        ImageTerm("k1", second.to_image.k.weight.T @ base1, "heads"),
        ImageTerm("v1", second.to_image.v.weight.T @ base1, "heads_last"),
        ImageTerm("q1", second.to_tokens.q.weight.T @ base1, "heads"),
        ImageTerm("r1", first.to_tokens.out.weight @ dual1, "heads"),
        ImageTerm("e1", constant_rows(weights) @ dual1, "rows"),
        ImageTerm("r2", second.to_tokens.out.weight @ centred1, "heads"),
        ImageTerm("e2", (first.norms[3].bias + second.to_tokens.out.bias)[None] @ centred1, "rows"),
        ImageTerm("k2", final.k.weight.T @ base2, "heads"),
        ImageTerm("v2", final.v.weight.T @ base2, "heads_last"),
        ImageTerm(UPSCALED_BASE, centred_up1(weights).weight.T @ base2, "pixels"),
    ]


def constant_rows(weights: DecoderWeights) -> Floats:
    """Return 18 x C: the output bias of layer 0, the mask branch's bias less "no mask", the mask branch's weights."""
    mask_bias = weights.mask_out.bias - weights.no_mask
    return np.concatenate([[weights.blocks[0].to_tokens.out.bias], [mask_bias], weights.mask_out.weight])


def safe_gain(norm: Norm) -> Floats:
    """Return the gain with values too small to divide by replaced: they change no pixel by more than 1e-6."""
    return np.where(np.abs(norm.gain) < SMALLEST_GAIN, SMALLEST_GAIN, norm.gain)


def centred_up1(weights: DecoderWeights) -> Linear:
    """Return the first up-scaling with the next normalisation's centring and gain in its weights."""
    channels = weights.channels // 4
    after = np.kron(np.eye(4), centring(channels) * safe_gain(weights.up1_norm))
    return Linear(weights.up1.weight @ after, weights.up1.bias @ after)


TERMS = ("k0", "v0", "q0", "r0", "e0", "k1", "v1", "q1", "r1", "e1", "r2", "e2", "k2", "v2", UPSCALED_BASE)
NORM_TERMS = ("n0", "n1")


def term_names() -> tuple[str, ...]:
    """Return the names of the prepare graph's outputs that every model has."""
    return (*TERMS, *NORM_TERMS)


def kernel_terms(weights: DecoderWeights) -> tuple[str, ...]:
    """Return the names of the outputs that the kernel reads and no graph does."""
    return (UPSCALED_BASE, FINER, FINEST) if weights.is_sam2 else (UPSCALED_BASE,)


def term_shapes(weights: DecoderWeights) -> dict[str, list[int]]:
    """Return the shapes of all outputs of the prepare graph, which are inputs of the decode graphs."""
    tokens, heads = weights.grid**2, weights.final_attention.heads
    shapes: dict[str, list[int]] = {}
    for term in image_terms(weights):
        rows = term.matrix.shape[0]
        shapes[term.name] = {
            "heads": [heads, rows // heads, tokens],
            "heads_last": [heads, tokens, rows // heads],
            "rows": [rows, tokens],
            "pixels": [tokens, rows],
        }[term.form]
    return shapes | {name: [1, tokens] for name in NORM_TERMS}


def grid_position(g: GraphBuilder, weights: DecoderWeights) -> str:
    """Add the position encoding of the grid (C x N). It depends on nothing, so the runtime folds it when it loads."""
    centres = (np.arange(weights.grid) + 0.5) / weights.grid
    x, y = np.meshgrid(centres, centres)
    unit = np.stack([x.ravel(), y.ravel()])  # 2 x N
    angles = g.op("MatMul", g.constant(2 * np.pi * weights.fourier.T), g.constant(2 * unit - 1))
    return g.concat(0, g.op("Sin", angles), g.op("Cos", angles))


def build_prepare_graph(weights: DecoderWeights, file: WeightFile) -> onnx.ModelProto:
    """Build the graph embedding (1, C, grid, grid) float16 -> the terms of that image, all float32.

    The tensors of a model with several have their own names.
    """
    g = GraphBuilder("prepare", file)
    channels, shapes = weights.channels, term_shapes(weights)
    half = g.input(IMAGE_EMBED if weights.is_sam2 else "embedding", "float16", [1, channels, *[weights.grid] * 2])
    tokens = g.reshape(g.op("Cast", half, to=onnx.TensorProto.FLOAT), channels, -1)
    tokens = g.op("Add", tokens, g.constant(weights.no_mask[:, None]))  # C x N
    placed = g.op("Add", tokens, grid_position(g, weights))
    for term in image_terms(weights):
        product = g.op("MatMul", g.constant(term.matrix), placed if term.with_position else tokens)
        if term.bias is not None:
            product = g.op("Add", product, g.constant(term.bias[:, None]))
        g.output(_arrange(g, product, term.form, shapes[term.name]), term.name, shapes[term.name])
    first_gain = np.diag(weights.blocks[0].norms[3].gain)
    centre = centring(channels)
    for name, matrix in zip(NORM_TERMS, (centre, centre @ first_gain @ centre), strict=True):
        centred = g.op("MatMul", g.constant(matrix), tokens)
        g.output(g.reduce("ReduceSum", g.op("Mul", centred, centred), 0), name, shapes[name])
    if weights.is_sam2:
        _add_finer(g, weights)
    return g.build()


def _add_finer(g: GraphBuilder, weights: DecoderWeights) -> None:
    """Output SAM 2.1's finer features in the order of cells: FINER (N, C) as centred_up1 makes pixels, FINEST."""
    tokens, channels = weights.grid**2, weights.channels
    finer = _cells(g, HIGH_RES_1, channels // 4, weights.grid, splits=1)  # 4 N x C/4
    norm = weights.up1_norm
    finer = g.op("MatMul", finer, g.constant(centring(channels // 4) * safe_gain(norm)))
    g.output(g.reshape(finer, tokens, channels), FINER, [tokens, channels])
    finest = _cells(g, HIGH_RES_0, channels // 8, weights.grid, splits=2)
    g.output(finest, FINEST, [16 * tokens, channels // 8])


def _cells(g: GraphBuilder, name: str, channels: int, grid: int, *, splits: int) -> str:
    """Read a tensor (1, C, 2^splits grid, 2^splits grid) float16; return its cells (4^splits N, C)."""
    side = grid << splits
    half = g.input(name, "float16", [1, channels, side, side])
    rows = g.reshape(g.op("Cast", half, to=onnx.TensorProto.FLOAT), channels, -1)
    order = cells_of(torch.arange(side * side).reshape(1, 1, side, side), splits).flatten().numpy()
    return g.op("Gather", g.op("Transpose", rows, perm=[1, 0]), g.constant(order.astype(np.int32)), axis=0)


def _arrange(g: GraphBuilder, product: str, form: str, shape: list[int]) -> str:
    if form == "rows":
        return product
    if form == "pixels":
        return g.op("Transpose", product, perm=[1, 0])
    if form == "heads":
        return g.reshape(product, *shape)
    split = g.reshape(product, shape[0], shape[2], shape[1])
    return g.op("Transpose", split, perm=[0, 2, 1])
