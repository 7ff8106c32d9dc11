"""Mask decoder: image embedding and prompt tokens become four masks and their predicted IoU.

Source: Segment Anything (arXiv 2304.02643), appendix A. Token order in the transformer: IoU token, four mask
tokens (the single-mask one first), prompt tokens. Module names follow the published checkpoints.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sam_core.modeling.layers import MLP, LayerNorm2d
from sam_core.modeling.transformer import TwoWayTransformer

NUM_MULTIMASK_OUTPUTS = 3
NUM_MASK_TOKENS = NUM_MULTIMASK_OUTPUTS + 1


class MaskDecoder(nn.Module):
    """Predict one unambiguous mask (index 0) and three candidates (1..3) for each prompt."""

    def __init__(
        self,
        transformer_dim: int,
        transformer: TwoWayTransformer,
        *,
        iou_head_depth: int = 3,
        iou_head_hidden_dim: int = 256,
    ) -> None:
        super().__init__()
        self.transformer_dim = transformer_dim
        self.transformer = transformer
        self.iou_token = nn.Embedding(1, transformer_dim)
        self.mask_tokens = nn.Embedding(NUM_MASK_TOKENS, transformer_dim)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(transformer_dim, transformer_dim // 4, kernel_size=2, stride=2),
            LayerNorm2d(transformer_dim // 4),
            nn.GELU(),
            nn.ConvTranspose2d(transformer_dim // 4, transformer_dim // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(transformer_dim, transformer_dim, transformer_dim // 8, num_layers=3) for _ in range(NUM_MASK_TOKENS)
        )
        self.iou_prediction_head = MLP(transformer_dim, iou_head_hidden_dim, NUM_MASK_TOKENS, num_layers=iou_head_depth)

    def forward(
        self, image_embeddings: Tensor, image_pe: Tensor, sparse_prompt_embeddings: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return low-res logits (B, 4, 4H, 4W) and predicted IoU (B, 4) of all four masks.

        image_embeddings: (1 or B, C, H, W). image_pe: (1, C, H, W). sparse_prompt_embeddings: (B, N, C).
        dense: (B, C, H, W) from the prompt encoder.
        """
        own = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        hidden, features = self.attend(own, image_embeddings, image_pe, sparse_prompt_embeddings, dense)
        upscaled = self.output_upscaling(features)
        masks = self.multiply(hidden[:, 1 : 1 + NUM_MASK_TOKENS], upscaled)
        return masks, self.iou_prediction_head(hidden[:, 0])

    def attend(
        self, own: Tensor, image_embeddings: Tensor, image_pe: Tensor, sparse: Tensor, dense: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run the transformer on own tokens (K, C) before the prompts'; the rest as `forward` takes it.

        Returns all tokens (B, K + N, C) and the image's features (B, C, H, W).
        """
        batch = sparse.shape[0]
        tokens = torch.cat([own[None].expand(batch, -1, -1), sparse.to(own.dtype)], dim=1)  # B x (K + N) x C

        src = image_embeddings + dense  # B x C x H x W
        height, width = src.shape[-2:]
        keys = src.flatten(2).transpose(1, 2)  # B x HW x C
        key_pe = image_pe.flatten(2).transpose(1, 2).to(keys.dtype)
        hidden, keys = self.transformer(keys, key_pe, tokens)
        return hidden, keys.transpose(1, 2).reshape(batch, -1, height, width)

    def multiply(self, mask_tokens: Tensor, upscaled: Tensor) -> Tensor:
        """Return the logits (B, 4, 4H, 4W) of four tokens (B, 4, C) on up-scaled features (B, C / 8, 4H, 4W)."""
        hyper = torch.stack([mlp(mask_tokens[:, i]) for i, mlp in enumerate(self.output_hypernetworks_mlps)], dim=1)
        masks: Tensor = (hyper @ upscaled.flatten(2)).unflatten(2, upscaled.shape[-2:])
        return masks
