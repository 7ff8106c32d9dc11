"""Image tokens as a fixed base plus a few rows: scores, weighted values and normalisation in that form.

    keys = scale * (base_scale * base + rows^T @ coefficients) * gain + bias

rows (R x N) are attention weights over the image, coefficients (R x C) what they add. The base itself is not an input,
only its products with weight matrices, prepared once per image (image_terms.py). Gains and biases are in the weights.

An attention of the image to T tokens adds heads * (T - 1) rows and a constant: its weights sum to 1 over the tokens, so
the first token's share is one minus the others'.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sam_core.onnx.accelerator.decoder_weights import Floats
from sam_core.onnx.accelerator.graph_builder import GraphBuilder


@dataclass(frozen=True)
class KeyState:
    """Names of the parts of the image tokens; None where a factor is one or there are no rows yet."""

    rows: str | None = None  # R x N
    coefficients: str | None = None  # R x C
    base_scale: str | None = None  # 1 x N
    scale: str | None = None  # 1 x N


@dataclass(frozen=True)
class HeadShapes:
    """How to cut (T, D) into heads; `split` is the name of the shape (H, T, -1)."""

    heads: int
    split: str

    def to_heads(self, g: GraphBuilder, value: str, width: int) -> str:
        """Reshape (T, D) to (H, T, width)."""
        return g.op("Transpose", g.reshape(value, -1, self.heads, width), perm=[1, 0, 2])

    def from_heads(self, g: GraphBuilder, value: str, inner: int) -> str:
        """Reshape (H, T, width) to (T, inner)."""
        return g.reshape(g.op("Transpose", value, perm=[1, 0, 2]), -1, inner)


def scores(
    g: GraphBuilder, query: str, state: KeyState, *, base: str, weight: Floats, position: str | None, heads: int
) -> str:
    """Return query (H, T, d) times the keys, (H*T, N), without what is constant over the image.

    base (H, d, N): prepared keys of the base. weight (C x D): key weights with the layer's gain.
    position (H, d, N): the position's share of the keys, where base does not hold it.
    """
    product = _flat(g, g.op("MatMul", query, base))
    if state.base_scale is not None:
        product = g.op("Mul", product, state.base_scale)
    if state.rows is not None and state.coefficients is not None:
        inner = weight.shape[1] // heads
        through = g.constant(weight.T.reshape(heads, inner, -1))  # H x d x C
        through_weight = _flat(g, g.op("MatMul", query, through))  # H*T x C
        onto_rows = g.op("Gemm", through_weight, state.coefficients, transB=1)  # H*T x R
        product = g.op("Gemm", onto_rows, state.rows, product)
    if state.scale is not None:
        product = g.op("Mul", product, state.scale)
    if position is not None:
        product = g.op("Add", product, _flat(g, g.op("MatMul", query, position)))
    return product


def weighted_values(
    g: GraphBuilder, attention: str, state: KeyState, *, base: str, weight: Floats, shapes: HeadShapes
) -> str:
    """Return attention (H*T, N) times the values, (T, D), without the values' constant.

    base (H, N, d): prepared values of the base. weight (C x D): value weights with the layer's gain.
    """
    inner = weight.shape[1]
    if state.scale is not None:
        attention = g.op("Mul", attention, state.scale)
    on_base = attention if state.base_scale is None else g.op("Mul", attention, state.base_scale)
    result = g.op("MatMul", g.op("Reshape", on_base, shapes.split), base)  # H x T x d
    if state.rows is not None and state.coefficients is not None:
        onto_rows = g.op("Reshape", g.op("Gemm", attention, state.rows, transB=1), shapes.split)  # H x T x R
        values = shapes.to_heads(g, g.linear(state.coefficients, weight), inner // shapes.heads)  # H x R x d
        result = g.op("Add", result, g.op("MatMul", onto_rows, values))
    return shapes.from_heads(g, result, inner)


def token_shares(g: GraphBuilder, score: str, shapes: HeadShapes, added: str | None = None) -> str:
    """Softmax of score (H*T, N) over the tokens of each head; return the rows of all but the first token (R, N).

    added (T): to the scores of each token.
    """
    split = g.op("Reshape", score, shapes.split)  # H x T x N
    if added is not None:
        split = g.op("Add", split, g.reshape(added, -1, 1))
    weights = g.op("Exp", g.op("Sub", split, g.reduce("ReduceMax", split, 1)))
    total = g.reduce("ReduceSum", weights, 1)
    return _flat(g, g.op("Div", g.rows(weights, 1, None, axis=1), total))


@dataclass(frozen=True)
class ValueRows:
    """The tokens' values that are added to the image tokens, per head: the first token's, and differences to it."""

    differences: str  # H x (T - 1) x d
    first: str  # 1 x D

    @classmethod
    def of(cls, g: GraphBuilder, values: str, inner: int) -> ValueRows:
        """Split values (H, T, d)."""
        first = g.rows(values, 0, 1, axis=1)
        return cls(g.op("Sub", g.rows(values, 1, None, axis=1), first), g.reshape(first, 1, inner))

    def coefficients(self, g: GraphBuilder, weight: Floats, heads: int) -> tuple[str, str]:
        """Return the rows (R, C) and the constant (1, C) after the output weights (D x C)."""
        per_head = g.constant(weight.reshape(heads, -1, weight.shape[1]))
        return _flat(g, g.op("MatMul", self.differences, per_head)), g.linear(self.first, weight)

    def onto_base(self, g: GraphBuilder, dual: str, inner: int) -> tuple[str, str]:
        """Return the products of those rows (R, N) and constant (1, N) with the base; dual (H, d, N) is prepared."""
        rows = _flat(g, g.op("MatMul", self.differences, dual))
        return rows, g.op("MatMul", self.first, g.reshape(dual, inner, -1))


@dataclass(frozen=True)
class RowBlock:
    """Rows (R, N), their centred coefficients (R, C), and the products of these with the base (R, N)."""

    rows: str
    coefficients: str
    onto_base: str


def inverse_deviation(g: GraphBuilder, blocks: tuple[RowBlock, ...], base_norm: str, channels: int, eps: float) -> str:
    """Return 1 / sqrt(variance + eps), (1, N), of base + rows^T @ coefficients over the channels.

    All parts are centred, so the variance is |base|^2 + 2 base . rows + rows^T Gram rows, over C. The Gram matrix is
    symmetric: entries between two blocks are computed with the later one and count twice. base_norm (1, N): |base|^2.
    """
    total = base_norm
    for index, block in enumerate(blocks):
        rows, against = block.rows, block.coefficients
        if index:
            earlier = [g.op("Mul", one.coefficients, g.constant(np.array(2.0))) for one in blocks[:index]]
            rows = g.concat(0, *(one.rows for one in blocks[: index + 1]))
            against = g.concat(0, *earlier, against)
        gram = g.op("Gemm", block.coefficients, against, transB=1)
        mixed = g.op("Gemm", gram, rows, block.onto_base, beta=2.0)
        total = g.op("Add", total, g.reduce("ReduceSum", g.op("Mul", block.rows, mixed), 0))
    variance = g.op("Mul", total, g.constant(np.array(1.0 / channels)))
    return g.op("Reciprocal", g.op("Sqrt", g.op("Add", variance, g.constant(np.array(eps)))))


def _flat(g: GraphBuilder, value: str) -> str:
    """Join the first two of three axes; the last one is the image or the channels and keeps its length."""
    return g.op("Flatten", value, axis=2)
