"""The mask decoder's two-way transformer: prompt tokens and image tokens attend to each other.

Source: Segment Anything (arXiv 2304.02643), appendix A, "Lightweight mask decoder". Module names follow the
published checkpoints, so that their state dicts load unchanged.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from sam_core.modeling.layers import MLPBlock


class Attention(nn.Module):
    """Multi-head attention whose inner width is embedding_dim / downsample_rate."""

    def __init__(self, embedding_dim: int, num_heads: int, *, downsample_rate: int = 1) -> None:
        super().__init__()
        self.internal_dim = embedding_dim // downsample_rate
        self.num_heads = num_heads
        if self.internal_dim % num_heads:
            raise ValueError(f"{num_heads} heads do not divide the inner width {self.internal_dim}")
        self.q_proj = nn.Linear(embedding_dim, self.internal_dim)
        self.k_proj = nn.Linear(embedding_dim, self.internal_dim)
        self.v_proj = nn.Linear(embedding_dim, self.internal_dim)
        self.out_proj = nn.Linear(self.internal_dim, embedding_dim)

    def _split(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        return x.reshape(batch, tokens, self.num_heads, -1).transpose(1, 2)  # B x heads x N x c

    def forward(self, q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """Attend q (B, Nq, C) to k and v (B, Nk, C), or those that attn_mask (B, 1, 1, Nk) says; return (B, Nq, C)."""
        out = F.scaled_dot_product_attention(
            self._split(self.q_proj(q)), self._split(self.k_proj(k)), self._split(self.v_proj(v)), attn_mask
        )
        out = out.transpose(1, 2).flatten(2)  # B x Nq x internal
        projected: Tensor = self.out_proj(out)
        return projected


class TwoWayAttentionBlock(nn.Module):
    """Self-attention of the tokens, tokens to image, MLP on the tokens, image to tokens."""

    def __init__(
        self, embedding_dim: int, num_heads: int, *, mlp_dim: int, downsample_rate: int = 2, skip_first_layer_pe: bool
    ) -> None:
        super().__init__()
        self.self_attn = Attention(embedding_dim, num_heads)
        self.norm1 = nn.LayerNorm(embedding_dim)
        self.cross_attn_token_to_image = Attention(embedding_dim, num_heads, downsample_rate=downsample_rate)
        self.norm2 = nn.LayerNorm(embedding_dim)
        self.mlp = MLPBlock(embedding_dim, mlp_dim, activation=nn.ReLU)
        self.norm3 = nn.LayerNorm(embedding_dim)
        self.norm4 = nn.LayerNorm(embedding_dim)
        self.cross_attn_image_to_token = Attention(embedding_dim, num_heads, downsample_rate=downsample_rate)
        self.skip_first_layer_pe = skip_first_layer_pe

    def forward(
        self, queries: Tensor, keys: Tensor, query_pe: Tensor, key_pe: Tensor, attn_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return new queries (B, N, C) and keys (B, HW, C); attn_mask: as TwoWayTransformer has it."""
        if self.skip_first_layer_pe:
            # the published first block replaces the tokens: no residual there
            queries = self.self_attn(queries, queries, queries, attn_mask)
        else:
            q = queries + query_pe
            queries = queries + self.self_attn(q, q, queries, attn_mask)
        queries = self.norm1(queries)

        k = keys + key_pe
        queries = self.norm2(queries + self.cross_attn_token_to_image(queries + query_pe, k, keys))
        queries = self.norm3(queries + self.mlp(queries))
        keys = self.norm4(keys + self.cross_attn_image_to_token(k, queries + query_pe, queries, attn_mask))
        return queries, keys


class TwoWayTransformer(nn.Module):
    """A stack of two-way blocks and a last attention of the tokens to the image."""

    def __init__(
        self, depth: int, embedding_dim: int, num_heads: int, *, mlp_dim: int, downsample_rate: int = 2
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayAttentionBlock(
                embedding_dim,
                num_heads,
                mlp_dim=mlp_dim,
                downsample_rate=downsample_rate,
                skip_first_layer_pe=i == 0,
            )
            for i in range(depth)
        )
        self.final_attn_token_to_image = Attention(embedding_dim, num_heads, downsample_rate=downsample_rate)
        self.norm_final_attn = nn.LayerNorm(embedding_dim)

    def forward(
        self, keys: Tensor, key_pe: Tensor, tokens: Tensor, attn_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Run image tokens (B, HW, C), their positions (1 or B, HW, C) and prompt tokens (B, N, C).

        attn_mask: (B, 1, 1, N), false for tokens that nothing attends to, as if they were not there; None sees all.
        Returns (tokens, image tokens) in the same shapes.
        """
        queries = tokens
        for layer in self.layers:
            queries, keys = layer(queries, keys, tokens, key_pe, attn_mask)
        attended = self.final_attn_token_to_image(queries + tokens, keys + key_pe, keys)
        return self.norm_final_attn(queries + attended), keys
