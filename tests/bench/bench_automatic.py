"""How much faster automatic mask generation is than the straightforward loop, and what deciding early costs.

    python -m tests.bench.bench_automatic [--model sam_vit_b] [--photo FILE] [--points-per-side 16]

Both sides work on one embedding of one photo in one run, so the ratio is of decoding, up-sampling and filtering. A
model without weights at hand is taken untrained. Thresholds are set such that a quarter of the candidates pass
predicted IoU and two thirds of those stability, whatever the model is sure of; --paper takes the paper's. Figures are
ratios of this run; CPU seconds are printed as well because they depend less on what else the machine does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from sam_core.automatic import AutomaticConfig, AutomaticMaskGenerator
from sam_core.backends.torch_backend import TorchPredictor
from sam_core.errors import CheckpointError
from sam_core.predictor import ImageEmbedding
from sam_core.registry import MODELS, build_model
from tests.sam_core.straightforward_automatic import PUBLISHED, straightforward_masks

DEFAULT_PHOTO = Path(__file__).parents[2] / "fixtures" / "demo" / "photos" / "coffee.jpg"


class EmbeddedPredictor(TorchPredictor):
    """Answers from one embedding that it has computed before, so that the encoder is in no figure."""

    kept: ImageEmbedding | None = None

    def embed(self, image_rgb: np.ndarray, crop_box_xyxy: Any = None, *, is_flipped: bool = False) -> ImageEmbedding:
        if self.kept is None:
            self.kept = super().embed(image_rgb)
        return self.kept


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return the answer, wall seconds and CPU seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return answer, time.perf_counter() - wall, time.process_time() - cpu


def thresholds(predictor: TorchPredictor, image: np.ndarray, config: AutomaticConfig) -> AutomaticConfig:
    """Set thresholds at which an untrained model lets as many candidates pass as a trained one does."""
    everything = replace(
        AutomaticConfig(**PUBLISHED, points_per_side=min(8, config.points_per_side)),
        predicted_iou_threshold=0.0,
        stability_score_threshold=0.0,
        box_nms_threshold=1.0,
    )
    found = AutomaticMaskGenerator(predictor, everything).generate(image)
    iou = np.array([one["predicted_iou"] for one in found])
    cut = max(0.0, float(np.quantile(iou, 0.75)))
    stability = np.array([one["stability_score"] for one in found])[iou > cut]
    return replace(config, predicted_iou_threshold=cut, stability_score_threshold=float(np.quantile(stability, 1 / 3)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sam_vit_b", choices=sorted(MODELS))
    parser.add_argument("--photo", type=Path, default=DEFAULT_PHOTO)
    parser.add_argument("--side", type=int, default=1024, help="longest side the photo is brought to, in pixels")
    parser.add_argument("--points-per-side", type=int, default=16)
    parser.add_argument("--paper", action="store_true", help="the paper's thresholds")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    predictor, is_trained = load(options.model)
    photo = Image.open(options.photo).convert("RGB")
    scale = options.side / max(photo.size)
    image = np.asarray(photo.resize((round(photo.width * scale), round(photo.height * scale))))
    predictor.embed(image)
    config = AutomaticConfig(**PUBLISHED, points_per_side=options.points_per_side)
    config = config if options.paper else thresholds(predictor, image, config)
    print(f"{options.model}, {'trained' if is_trained else 'untrained'}, {image.shape[1]} x {image.shape[0]} px,")
    print(f"{config.points_per_side**2} clicks, {asdict(config)}")
    compare(predictor, image, config)


def load(name: str) -> tuple[EmbeddedPredictor, bool]:
    """Return a predictor with trained weights if there are any."""
    try:
        return EmbeddedPredictor(build_model(name), name), name != "sam_tiny_test"
    except CheckpointError:
        torch.manual_seed(0)
        return EmbeddedPredictor(MODELS[name].build_untrained().eval(), name), False


def compare(predictor: TorchPredictor, image: np.ndarray, config: AutomaticConfig) -> None:
    """Print masks per second of each way, the ratio to the plain one, and how many masks they agree on."""
    early = replace(config, is_exact=False)
    plain, *plain_seconds = timed(lambda: straightforward_masks(predictor, image, config))
    report("straightforward", len(plain), plain_seconds, plain_seconds)
    answers = {}
    for name, way in (("exact", config), ("early decisions", early)):
        generator = AutomaticMaskGenerator(predictor, way)
        answers[name], *seconds = timed(partial(generator.generate, image))
        report(name, len(answers[name]), seconds, plain_seconds)
    counts = {name: {one["segmentation"]["counts"] for one in found} for name, found in answers.items()}
    missed = len(counts["exact"] - counts["early decisions"])
    print(f"masks of the exact run that early decisions miss: {missed} of {len(counts['exact'])}")


def report(name: str, masks: int, seconds: list[float], plain: list[float]) -> None:
    wall, cpu = seconds
    ratios = f"{plain[0] / wall:.2f} x wall, {plain[1] / cpu:.2f} x CPU"
    print(f"{name:16} {masks:4} masks  {wall:7.2f} s  {cpu:7.2f} s CPU  {masks / wall:6.2f} masks/s  {ratios}")


if __name__ == "__main__":
    main()
