"""How much faster the ViT encoder's fused attention is than plain attention with an explicit bias, in one run.

    python tests/bench/bench_encoder.py [--model sam_vit_b] [--repeat 3] [--threads 2]

Both encoders share weights and everything but the attention. Runs alternate and the best of each counts, so that a
busy machine slows both. Random weights: speed does not depend on them.
"""

import argparse
import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from sam_core.modeling.image_encoder import Attention, ImageEncoderViT
from sam_core.registry import MODELS
from tests.sam_core.tiny_models import untrained_sam


def explicit_attend(attention: Attention, qkv: Tensor) -> Tensor:
    """Attend with the whole bias added to the whole logits, as the paper's formulas read."""
    batch, side, heads = qkv.shape[0], attention.side, attention.num_heads
    q, k, v = qkv.reshape(batch, side**2, 3, heads, -1).permute(2, 0, 3, 1, 4).flatten(1, 2)  # B*heads x N x D
    grid = q.view(batch * heads, side, side, -1)
    by_row = torch.einsum("bhwd,hkd->bhwk", grid, attention.rel_pos_h[attention.relative_index])
    by_column = torch.einsum("bhwd,wkd->bhwk", grid, attention.rel_pos_w[attention.relative_index])
    logits = (q / math.sqrt(q.shape[-1])) @ k.transpose(1, 2)
    logits = logits.view(-1, side, side, side, side) + by_row[..., :, None] + by_column[..., None, :]
    mixed = logits.flatten(3).flatten(1, 2).softmax(dim=-1) @ v
    out: Tensor = mixed.view(batch, heads, side, side, -1).permute(0, 2, 3, 1, 4).flatten(3)
    return out


def with_explicit_attention(encoder: nn.Module) -> nn.Module:
    plain = copy.deepcopy(encoder)
    for module in plain.modules():
        if isinstance(module, Attention):
            setattr(module, "_attend", partial(explicit_attend, module))  # noqa: B010  mypy keeps methods as they are
    return plain


def best_seconds(runs: Mapping[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    best = dict.fromkeys(runs, math.inf)
    for _ in range(repeat):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def reduced(encoder: nn.Module, pixels: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features: Tensor = encoder(pixels)
    return features


@torch.inference_mode()
def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="sam_vit_b", choices=[name for name in MODELS if name.startswith("sam_vit")])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    fused = untrained_sam(args.model).image_encoder.eval()
    assert isinstance(fused, ImageEncoderViT)
    for name, parameter in fused.named_parameters():
        if "rel_pos" in name:
            nn.init.normal_(parameter, std=0.2)
    plain = with_explicit_attention(fused)
    pixels = torch.randn(1, 3, fused.img_size, fused.img_size)
    expected = plain(pixels)
    error = {
        "fused": float((fused(pixels) - expected).norm() / expected.norm()),
        "bfloat16": float((reduced(fused, pixels).float() - expected).norm() / expected.norm()),
    }
    runs = {
        "fused": lambda: fused(pixels),
        "plain": lambda: plain(pixels),
        "bfloat16": lambda: reduced(fused, pixels),
    }
    seconds = best_seconds(runs, args.repeat)
    report = {
        "model": args.model,
        "threads": args.threads,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "plain_over_fused": round(seconds["plain"] / seconds["fused"], 2),
        "float32_over_bfloat16": round(seconds["fused"] / seconds["bfloat16"], 2),
        "relative_error": {name: float(f"{value:.1e}") for name, value in error.items()},
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
