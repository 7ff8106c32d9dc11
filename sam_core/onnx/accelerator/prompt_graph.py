"""Graph parts for prompts: sparse tokens from points and boxes, and the mask branch's 16 channels.

Must not know: the transformer. Source: Segment Anything (arXiv 2304.02643), appendix A, "Prompt encoder".
"""

from __future__ import annotations

import numpy as np

from sam_core.onnx.accelerator.decoder_weights import DecoderWeights, Norm
from sam_core.onnx.accelerator.graph_builder import GraphBuilder


def prompt_tokens(g: GraphBuilder, weights: DecoderWeights, coords: str, labels: str) -> str:
    """Turn coords (1, P, 2) in model pixels and labels (1, P) int32 in -1..3 into all tokens (5 + P, C).

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


def mask_rows(g: GraphBuilder, weights: DecoderWeights, mask_input: str) -> str:
    """Turn previous low-res logits (1, 1, 4 grid, 4 grid) into the mask branch's channels (16, N)."""
    value = mask_input
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
