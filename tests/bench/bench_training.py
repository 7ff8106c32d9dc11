"""How much faster the factored decoder is, forward and backward, than the published one, in one run.

    python -m tests.bench training [--image-size 320] [--masks 25] [--repeat 3] [--threads 2]

The runs alternate and the best of each counts, so that a busy machine slows all alike. Random weights: speed does not
depend on them. Every run has the same prompts and losses; the first click alone, as most steps begin.
"""

import argparse
import json
from collections.abc import Callable

import torch
from torch import Tensor

from sam_core.embedding import IMAGE_EMBEDDINGS
from sam_core.modeling.factored_decoder import in_cell_order
from sam_core.modeling.lite import build_sam_lite
from sam_core.training.losses import mask_losses
from sam_core.training.optimizers import fast_dtype
from sam_core.training.simulation import total_loss
from tests.bench.bench_encoder import best_seconds


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--masks", type=int, default=25, help="a multiple of five, as there are five images")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    sam = build_sam_lite(args.image_size)
    grid, side = sam.embedding_size, sam.mask_side
    embeddings = torch.randn(5, 128, grid, grid).to(memory_format=torch.channels_last).requires_grad_()
    coords = torch.rand(args.masks, 2, 2) * args.image_size
    labels = torch.tensor([[1, -1]] * args.masks)
    masks = torch.rand(args.masks, side, side) > 0.5
    dtype = fast_dtype(embeddings.device)

    def learn(run: Callable[[], tuple[Tensor, Tensor]], targets: Tensor) -> Callable[[], None]:
        def once() -> None:
            logits, iou = run()
            total_loss([mask_losses(logits.flatten(2), iou, targets, labels[:, 0] == 1)]).backward()

        return once

    def plain() -> tuple[Tensor, Tensor]:
        each = embeddings.repeat_interleave(args.masks // 5, dim=0)
        return sam.decode_as_published({IMAGE_EMBEDDINGS: each}, coords, labels)

    def factored(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        decoded = sam.factored.decode(sam.factored.image_terms(embeddings, dtype=dtype), coords, labels)
        return sam.factored.masks(decoded), decoded.predicted_iou

    cells = in_cell_order(masks)
    runs = {
        "plain": learn(plain, masks.flatten(1)),
        "float32": learn(lambda: factored(torch.float32), cells),
        "fast": learn(lambda: factored(dtype), cells),
    }
    for once in runs.values():  # the first of each is slower
        once()
    seconds = best_seconds(runs, args.repeat)
    report = {
        "image_size": args.image_size,
        "masks": args.masks,
        "threads": args.threads,
        "fast_dtype": str(dtype).removeprefix("torch."),
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "plain_over_float32": round(seconds["plain"] / seconds["float32"], 2),
        "plain_over_fast": round(seconds["plain"] / seconds["fast"], 2),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
