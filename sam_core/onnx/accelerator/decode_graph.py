"""The graphs of a prompt up to the up-scaling: `first` without a mask prompt, `refine` with one.

Same function as prompt encoder and two-way transformer, arranged so that the 4,096 image tokens are multiplied only by
a few rows (low_rank.py). Inputs: the prepared terms of an image (image_terms.py), point_coords (1, P, 2) in model
pixels, point_labels (1, P) int32 in -1..3 with the padding point that a prompt without a box has, and for refine
mask_input. Outputs: predicted_iou (1, 4), in decoder order, and the inputs of the up-scaling (upscaling.py).

Source of the published arithmetic: Segment Anything (arXiv 2304.02643), appendix A.
"""

from __future__ import annotations

import numpy as np
import onnx

from sam_core.onnx.accelerator.decoder_weights import (
    AttentionWeights,
    BlockWeights,
    DecoderWeights,
    Floats,
    Linear,
    Norm,
)
from sam_core.onnx.accelerator.graph_builder import GraphBuilder
from sam_core.onnx.accelerator.image_terms import (
    UPSCALED_BASE,
    centred_up1,
    centring,
    constant_rows,
    grid_position,
    term_shapes,
)
from sam_core.onnx.accelerator.low_rank import (
    HeadShapes,
    KeyState,
    RowBlock,
    ValueRows,
    inverse_deviation,
    scores,
    token_shares,
    weighted_values,
)
from sam_core.onnx.accelerator.prompt_graph import mask_rows, padded_boxes, prompt_tokens
from sam_core.onnx.accelerator.upscaling import COLUMN, NUM_MASKS
from sam_core.onnx.weight_file import WeightFile


class DecodeGraph:
    """Builds one decode graph; the methods follow the decoder's order."""

    def __init__(self, weights: DecoderWeights, file: WeightFile, *, with_mask: bool) -> None:
        self.w = weights
        self.with_mask = with_mask
        self.g = GraphBuilder("refine" if with_mask else "first", file)
        self.tokens_side = weights.grid**2
        self.heads = weights.final_attention.heads
        self.own = len(weights.output_tokens)
        self.iou_at = 1 if weights.is_sam2 else 0
        self.unseen: str | None = None  # (T), added to the scores of tokens
        self.centre = centring(weights.channels)
        self.ones = self.g.constant(np.ones((1, self.tokens_side)))

    def build(self) -> onnx.ModelProto:
        """Return the model."""
        g, w = self.g, self.w
        coords = g.input("point_coords", "float32", [1, "points", 2])
        labels = g.input("point_labels", "int32", [1, "points"])
        side = 4 * w.grid
        self.mask = mask_rows(g, w, g.input("mask_input", "float32", [1, 1, side, side])) if self.with_mask else None
        for name, shape in term_shapes(w).items():
            if name != UPSCALED_BASE:  # the kernel reads it
                g.input(name, "float32", shape)
        self.position = grid_position(g, w)
        if w.is_sam2:
            coords, labels, self.unseen = padded_boxes(g, coords, labels, self.own)
        self.token_pe = prompt_tokens(g, w, coords, labels)
        self.shapes = self._head_shapes()
        hidden, state = self._transform()
        g.output(self._iou(hidden), "predicted_iou", [1, NUM_MASKS])
        self._rows(hidden, state)
        return g.build()

    def _head_shapes(self) -> HeadShapes:
        g = self.g
        count = g.op("Shape", self.token_pe, start=0, end=1)
        return HeadShapes(self.heads, g.concat(0, g.integers(self.heads), count, g.integers(-1)))

    # tokens ----------------------------------------------------------------------------------------------------

    def _norm(self, value: str, norm: Norm) -> str:
        g = self.g
        return g.op(
            "LayerNormalization", value, g.constant(norm.gain), g.constant(norm.bias), axis=-1, epsilon=norm.eps
        )

    def _heads_of(self, value: str, weight: Floats, bias: Floats | None) -> str:
        return self.shapes.to_heads(self.g, self.g.linear(value, weight, bias), weight.shape[1] // self.heads)

    def _self_attention(self, attention: AttentionWeights, placed: str, values: str) -> str:
        """Return the tokens' attention to each other (T, C)."""
        g, width = self.g, attention.width // self.heads
        query = self._heads_of(placed, attention.q.weight, attention.q.bias)
        keys = g.linear(placed, attention.k.weight)  # the bias cancels in the softmax
        keys = g.op("Transpose", g.reshape(keys, -1, self.heads, width), perm=[1, 2, 0])
        value = self._heads_of(values, attention.v.weight, attention.v.bias)
        score = g.op("MatMul", query, keys)  # H x T x T
        score = score if self.unseen is None else g.op("Add", score, self.unseen)
        mixed = g.op("MatMul", g.op("Softmax", score, axis=-1), value)
        return g.linear(self.shapes.from_heads(g, mixed, attention.width), attention.out.weight, attention.out.bias)

    def _to_image(
        self,
        layer: int,
        attention: AttentionWeights,
        placed: str,
        state: KeyState,
        norm: Norm | None,
        shapes: HeadShapes,
    ) -> str:
        """Return the attention of tokens to the image (T, C). norm: the one that made the keys, None before it."""
        g, gain = self.g, np.ones(self.w.channels) if norm is None else norm.gain
        query = shapes.to_heads(
            g, g.linear(placed, attention.q.weight, attention.q.bias), attention.width // self.heads
        )
        score = scores(
            g,
            query,
            state,
            base=f"k{layer}",
            weight=gain[:, None] * attention.k.weight,
            position=None if norm is None else self._placed(attention.k.weight),
            heads=self.heads,
        )
        value_bias = 0.0 if norm is None else attention.v.bias + norm.bias @ attention.v.weight
        mixed = weighted_values(
            g,
            g.op("Softmax", score, axis=-1),
            state,
            base=f"v{layer}",
            weight=gain[:, None] * attention.v.weight,
            shapes=shapes,
        )
        out = attention.out
        if norm is None:
            value_bias = attention.v.bias
        return g.linear(mixed, out.weight, out.bias + value_bias @ out.weight)

    def _placed(self, weight: Floats, bias: Floats | None = None) -> str:
        """Return the position's share of a projection, (H, d, N); the runtime folds it when it loads."""
        g = self.g
        product = g.op("MatMul", g.constant(weight.T), self.position)
        if bias is not None:
            product = g.op("Add", product, g.constant(bias[:, None]))
        return g.reshape(product, self.heads, weight.shape[1] // self.heads, self.tokens_side)

    def _transform(self) -> tuple[str, KeyState]:
        """Run the two-way transformer; return the output tokens (5 or 6, C) and the image tokens."""
        g, (first, second) = self.g, self.w.blocks
        pe, state = self.token_pe, self._start()
        queries = self._norm(self._self_attention(first.self_attention, pe, pe), first.norms[0])
        queries = self._attend_and_transform(0, first, queries, state, None)
        state, first_values = self._update_image_first(first, queries, state)

        placed = g.op("Add", queries, pe)
        attended = self._self_attention(second.self_attention, placed, queries)
        queries = self._norm(g.op("Add", queries, attended), second.norms[0])
        queries = self._attend_and_transform(1, second, queries, state, first.norms[3])
        state = self._update_image_second(second, queries, state, first_values)

        outputs = g.rows(queries, 0, self.own)
        placed = g.op("Add", outputs, g.constant(self.w.output_tokens))
        shapes = HeadShapes(self.heads, g.integers(self.heads, self.own, -1))
        attended = self._to_image(2, self.w.final_attention, placed, state, second.norms[3], shapes)
        return self._norm(g.op("Add", outputs, attended), self.w.final_norm), state

    def _attend_and_transform(
        self, layer: int, block: BlockWeights, queries: str, state: KeyState, norm: Norm | None
    ) -> str:
        g = self.g
        placed = g.op("Add", queries, self.token_pe)
        attended = self._to_image(layer, block.to_image, placed, state, norm, self.shapes)
        queries = self._norm(g.op("Add", queries, attended), block.norms[1])
        inner = g.op("Relu", g.linear(queries, block.mlp[0].weight, block.mlp[0].bias))
        transformed = g.linear(inner, block.mlp[1].weight, block.mlp[1].bias)
        return self._norm(g.op("Add", queries, transformed), block.norms[2])

    # image tokens ----------------------------------------------------------------------------------------------

    def _start(self) -> KeyState:
        """Image tokens before the first layer: the embedding, and the mask prompt's 16 channels as rows."""
        if self.mask is None:
            return KeyState()
        rows = constant_rows(self.w)
        coefficients = np.concatenate([rows[2:], rows[1:2]])
        return KeyState(self.g.concat(0, self.mask, self.ones), self.g.constant(coefficients))

    def _shares(
        self, layer: int, attention: AttentionWeights, queries: str, state: KeyState, norm: Norm | None
    ) -> tuple[str, ValueRows]:
        """Attend from the image to the tokens: rows (R, N) and the values that they add."""
        g, gain = self.g, np.ones(self.w.channels) if norm is None else norm.gain
        keys = self._heads_of(g.op("Add", queries, self.token_pe), attention.k.weight, None)
        q = attention.q
        position = None if norm is None else self._placed(q.weight, q.bias + norm.bias @ q.weight)
        score = scores(
            g, keys, state, base=f"q{layer}", weight=gain[:, None] * q.weight, position=position, heads=self.heads
        )
        values = self._heads_of(queries, attention.v.weight, attention.v.bias)
        return token_shares(g, score, self.shapes, self.unseen), ValueRows.of(g, values, attention.width)

    def _constant_row(self, product: str, rows: str) -> str:
        """Add the biases' share, prepared as the first rows of `rows`, to the first token's product (1, N)."""
        g = self.g
        product = g.op("Add", product, g.rows(rows, 0, 1))
        return g.op("Add", product, g.rows(rows, 1, 2)) if self.with_mask else product

    def _update_image_first(self, block: BlockWeights, queries: str, state: KeyState) -> tuple[KeyState, ValueRows]:
        g, attention = self.g, block.to_tokens
        shares, values = self._shares(0, attention, queries, state, None)
        added, constant = values.coefficients(g, attention.out.weight @ self.centre, self.heads)
        bias_rows = constant_rows(self.w) @ self.centre
        bias = bias_rows[0] + (bias_rows[1] if self.with_mask else 0.0)
        constant = g.op("Add", constant, g.constant(bias[None]))
        if self.mask is None:
            rows, coefficients = g.concat(0, shares, self.ones), g.concat(0, added, constant)
        else:
            rows = g.concat(0, shares, self.mask, self.ones)
            coefficients = g.concat(0, added, g.constant(bias_rows[2:]), constant)
        onto_base = self._onto_base(values, "r0", "e0")
        norm = block.norms[3]
        written = RowBlock(rows, coefficients, onto_base)
        scale = inverse_deviation(g, (written,), "n0", self.w.channels, norm.eps)
        return KeyState(rows, coefficients, scale=scale), values

    def _onto_base(self, values: ValueRows, dual: str, bias_rows: str) -> str:
        g, inner = self.g, self.w.blocks[0].to_tokens.width
        rows, constant = values.onto_base(g, dual, inner)
        mask = [g.rows(bias_rows, 2, None)] if self.with_mask else []
        return g.concat(0, rows, *mask, self._constant_row(constant, bias_rows))

    def _update_image_second(
        self, block: BlockWeights, queries: str, state: KeyState, first_values: ValueRows
    ) -> KeyState:
        g, attention, before = self.g, block.to_tokens, self.w.blocks[0].norms[3]
        if state.rows is None or state.coefficients is None or state.scale is None:
            raise ValueError("the first layer has not changed the image tokens yet")
        shares, values = self._shares(1, attention, queries, state, before)
        added, constant = values.coefficients(g, attention.out.weight @ self.centre, self.heads)
        bias = (before.bias + attention.out.bias) @ self.centre
        constant = g.op("Add", constant, g.constant(bias[None]))
        carried = g.linear(state.coefficients, before.gain[:, None] * self.centre)
        on_rows, on_constant = values.onto_base(g, "r2", attention.width)
        on_new = g.concat(0, on_rows, g.op("Add", on_constant, "e2"))
        on_old = self._onto_base(first_values, "r1", "e1")
        old = RowBlock(g.op("Mul", state.rows, state.scale), carried, g.op("Mul", on_old, state.scale))
        new = RowBlock(g.concat(0, shares, self.ones), g.concat(0, added, constant), g.op("Mul", on_new, state.scale))
        base_norm = g.op("Mul", "n1", g.op("Mul", state.scale, state.scale))
        scale = inverse_deviation(g, (old, new), base_norm, self.w.channels, block.norms[3].eps)
        rows, coefficients = g.concat(0, old.rows, new.rows), g.concat(0, carried, new.coefficients)
        return KeyState(rows, coefficients, base_scale=state.scale, scale=scale)

    # outputs ---------------------------------------------------------------------------------------------------

    def _iou(self, hidden: str) -> str:
        iou = self._head(self.g.rows(hidden, self.iou_at, self.iou_at + 1), self.w.iou_head)
        return self.g.op("Sigmoid", iou) if self.w.is_sam2 else iou

    def _head(self, value: str, layers: tuple[Linear, ...]) -> str:
        for i, layer in enumerate(layers):
            value = self.g.linear(value, layer.weight, layer.bias)
            if i < len(layers) - 1:
                value = self.g.op("Relu", value)
        return value

    def _hyper(self, hidden: str) -> str:
        """Return the four masks' weights over the up-scaled channels (C/8, 4)."""
        g, networks = self.g, self.w.hypernetworks
        tokens = g.reshape(g.rows(hidden, self.iou_at + 1, self.own), NUM_MASKS, 1, self.w.channels)
        stacked = tuple(
            Linear(np.stack([l.weight for l in layer]), np.stack([l.bias[None] for l in layer]))
            for layer in zip(*networks, strict=True)
        )
        columns = g.op("Transpose", self._head(tokens, stacked), perm=[2, 1, 0])
        return g.reshape(columns, -1, NUM_MASKS)  # a reshape keeps the runtime from merging the transpose: slower there

    def _final_rows(self, state: KeyState) -> tuple[str, str, str, str]:
        """Return rows, base_scale, scale and, through the first up-scaling, the coefficients and the constant."""
        g, w = self.g, self.w
        if state.rows is None or state.coefficients is None or state.scale is None or state.base_scale is None:
            raise ValueError("the image tokens have not been through both layers")
        norm, up = w.blocks[1].norms[3], centred_up1(w)
        coefficients = g.linear(state.coefficients, norm.gain[:, None] * up.weight)
        coefficients = g.concat(0, coefficients, g.constant((norm.bias @ up.weight + up.bias)[None]))
        return state.rows, state.base_scale, state.scale, coefficients

    def _rows(self, hidden: str, state: KeyState) -> None:
        """Declare the inputs of the up-scaling as outputs; coefficients in columns of COLUMN channels."""
        g, channels = self.g, self.w.channels
        rows, base_scale, scale, coefficients = self._final_rows(state)
        columns = g.op("Transpose", g.reshape(coefficients, -1, channels // COLUMN, COLUMN), perm=[1, 0, 2])
        g.output(rows, "rows", ["rows", self.tokens_side])
        g.output(base_scale, "base_scale", [1, self.tokens_side])
        g.output(scale, "scale", [1, self.tokens_side])
        g.output(columns, "coefficients", [channels // COLUMN, "rows_and_constant", COLUMN])
        g.output(self._hyper(hidden), "hyper", [channels // 8, NUM_MASKS])


def build_decode_graph(weights: DecoderWeights, file: WeightFile, *, with_mask: bool) -> onnx.ModelProto:
    """Build `first` (with_mask False) or `refine`."""
    return DecodeGraph(weights, file, with_mask=with_mask).build()
