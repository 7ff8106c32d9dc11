"""The decoder's last part outside ONNX: from the image tokens as rows on a base to the four masks.

Half of a refinement's time lies here, in products and activations over 4,096 to 65,536 pixels that a runtime computes
one whole tensor after the other. The browser does it tile by tile (frontend/kernels/upscale.ts); this module writes
its weights and is its reference in numpy. Must not know: how rows and coefficients are made.

Source of the published arithmetic: Segment Anything (arXiv 2304.02643), appendix A.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sam_core.onnx.accelerator.decoder_weights import DecoderWeights, Floats
from sam_core.onnx.accelerator.image_terms import safe_gain

COLUMN = 4  # channels that are computed together; coefficients and weights are stored in such columns
TILE = 16  # image tokens that are computed together
NUM_MASKS = 4

Array = NDArray[np.float32]


@dataclass(frozen=True)
class RowsAnswer:
    """Outputs of a decode graph: image tokens = base + rows^T @ coefficients, before their scales."""

    rows: Array  # R x N
    base_scale: Array  # 1 x N
    scale: Array  # 1 x N
    coefficients: Array  # C/4 x (R + 1) x 4; the last row is the constant
    hyper: Array  # C/8 x 4, the masks' weights over the up-scaled channels


@dataclass(frozen=True)
class Upscaling:
    """Weights of the two up-scalings, with C the decoder's channels."""

    channels: int
    grid: int
    eps: float
    shares: Floats  # C/4: squared channel to variance
    bias1: Floats  # C/4
    weight2: Floats  # C/4 x C/2: each pixel to 2 x 2 pixels of C/8 channels
    bias2: Floats  # C/2

    @classmethod
    def of(cls, weights: DecoderWeights) -> Upscaling:
        """Collect the weights; gains and centring of the first up-scaling are in its own (image_terms.py)."""
        norm, channels = weights.up1_norm, weights.channels
        shares = 1.0 / (channels // 4 * safe_gain(norm) ** 2)
        return cls(channels, weights.grid, norm.eps, shares, norm.bias, weights.up2.weight, weights.up2.bias)

    @property
    def fits(self) -> bool:
        """Return whether the browser's tiles and columns divide this model."""
        return self.channels % (8 * COLUMN) == 0 and self.grid**2 % TILE == 0

    def to_bytes(self) -> bytes:
        """Return shares, bias1, bias2 and the second weights by columns of COLUMN, (C/2/4) x C/4 x 4, as float32."""
        inputs, outputs = self.weight2.shape
        columns = self.weight2.reshape(inputs, outputs // COLUMN, COLUMN).transpose(1, 0, 2)
        parts = (self.shares, self.bias1, self.bias2, columns)
        return b"".join(np.ascontiguousarray(part, np.float32).tobytes() for part in parts)

    def masks(self, answer: RowsAnswer, base: Array, finer: Array | None = None, finest: Array | None = None) -> Array:
        """Return the logits (1, 4, 4 grid, 4 grid).

        base (N x C) is the image's term `up`; finer (N x C) and finest (16 N x C/8) are SAM 2.1's, in cell order.
        """
        both = (answer.scale * answer.base_scale).T.astype(np.float64)  # N x 1
        rows = np.concatenate([answer.rows / answer.base_scale, 1.0 / both.T])
        coefficients = answer.coefficients.transpose(1, 0, 2).reshape(len(rows), self.channels)
        pixels = base + rows.T @ coefficients
        if finer is not None:
            pixels = pixels + finer / both
        pixels = pixels.reshape(-1, 4, self.channels // 4)
        deviation = np.sqrt(pixels**2 @ self.shares + self.eps / both**2)
        first = _gelu(pixels / deviation[..., None] + self.bias1)  # N x 4 x C/4
        second = (first @ self.weight2 + self.bias2).reshape(-1, self.channels // 8)
        second = _gelu(second if finest is None else second + finest)
        logits = second @ answer.hyper
        # y x (dy dx) (ey ex) mask becomes mask, y dy ey, x dx ex
        grid = self.grid
        planes = logits.reshape(grid, grid, 2, 2, 2, 2, NUM_MASKS).transpose(6, 0, 2, 4, 1, 3, 5)
        return np.asarray(planes.reshape(1, NUM_MASKS, 4 * grid, 4 * grid), np.float32)


def _gelu(value: Floats) -> Floats:
    return np.asarray(torch.nn.functional.gelu(torch.from_numpy(np.asarray(value))).numpy())
