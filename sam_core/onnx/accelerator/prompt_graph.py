"""Graph parts for prompts: sparse tokens from points and boxes, and the mask branch's 16 channels.

Must not know: the transformer. Source: Segment Anything (arXiv 2304.02643), appendix A, "Prompt encoder".
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from sam_core.modeling.factored_sam2 import MOST_CERTAIN
from sam_core.onnx.accelerator.decoder_weights import DecoderWeights, Norm
from sam_core.onnx.accelerator.graph_builder import GraphBuilder
from sam_core.prompt_kinds import PADDING, TOP_LEFT

UNSEEN = 1e9  # taken from a score, it leaves no share


def prompt_tokens(g: GraphBuilder, weights: DecoderWeights, coords: str, labels: str) -> str:
    """Turn coords (1, P, 2) in model pixels and labels (1, P) int32 in -1..3 into all tokens (5 or 6 + P, C).

    The half pixel to a pixel's centre is added here.
    """
    matrix = 4 * np.pi / weights.image_size * weights.fourier  # 2 pi (2 (c + 0.5) / side - 1) as one affine map
    offset = (2 * np.pi * (1 / weights.image_size - 1)) * weights.fourier.sum(axis=0)
    angles = g.linear(g.reshape(coords, -1, 2), matrix, offset)
    position = g.concat(1, g.op("Sin", angles), g.op("Cos", angles))
    rows = g.op("Add", g.reshape(labels, -1), g.constant(np.array([1], np.int32)))
    is_placed = g.op("Gather", g.constant(np.array([[0.0]] + [[1.0]] * 4)), rows, axis=0)
    kind = g.op("Gather", g.constant(weights.point_table), rows, axis=0)
    sparse = g.op("Add", kind, g.op("Mul", position, is_placed))
    return g.concat(0, g.constant(weights.output_tokens), sparse)


def padded_boxes(g: GraphBuilder, coords: str, labels: str, own: int) -> tuple[str, str, str]:
    """Add a padding point to a prompt (1, P), which counts only with a box: SAM 2.1's (modeling/factored_sam2.py).

    Returns coordinates (1, P + 1, 2), labels (P + 1), and what to add to scores of all tokens (own + P + 1).
    """
    coords = g.concat(1, coords, g.constant(np.zeros((1, 1, 2))))
    labels = g.reshape(labels, -1)
    is_corner = g.op("Cast", g.op("Equal", labels, g.constant(np.array([TOP_LEFT], np.int32))), to=TensorProto.FLOAT)
    # a box counts its one corner, another prompt none; the sum also stands for no points at all
    has_box = g.reduce("ReduceSum", is_corner, 0)
    unseen = g.op("Mul", g.op("Sub", has_box, g.constant(np.ones(1))), g.constant(np.array([UNSEEN])))
    nothing = g.op("Mul", is_corner, g.constant(np.zeros(1)))
    labels = g.concat(0, labels, g.constant(np.array([PADDING], np.int32)))
    return coords, labels, g.concat(0, g.constant(np.zeros(own)), nothing, unseen)


def mask_rows(g: GraphBuilder, weights: DecoderWeights, mask_input: str) -> str:
    """Turn previous low-res logits (1, 1, 4 grid, 4 grid) into the mask branch's channels (16, N)."""
    value = mask_input
    if weights.is_sam2:
        limits = (g.constant(np.array(limit)) for limit in (-MOST_CERTAIN, MOST_CERTAIN))
        value = g.op("Clip", value, *limits)
    for (kernel, bias), norm in zip(weights.mask_convs, weights.mask_norms, strict=True):
        value = g.op("Conv", value, g.constant(kernel), g.constant(bias), kernel_shape=[2, 2], strides=[2, 2])
        value = g.op("Gelu", _channel_norm(g, value, norm))
    return g.reshape(value, weights.mask_norms[1].gain.size, -1)


def _channel_norm(g: GraphBuilder, value: str, norm: Norm) -> str:
    centred = g.op("Sub", value, g.reduce("ReduceMean", value, 1))
    variance = g.reduce("ReduceMean", g.op("Mul", centred, centred), 1)
    deviation = g.op("Sqrt", g.op("Add", variance, g.constant(np.array(norm.eps))))
    gain, bias = (g.constant(x[None, :, None, None]) for x in (norm.gain, norm.bias))
    return g.op("Add", g.op("Mul", g.op("Div", centred, deviation), gain), bias)
