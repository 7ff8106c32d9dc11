"""Suggestions of the default model: what they cost on the demo photos, and how many are right at which thresholds.

    python -m tests.bench prefill                          time and CPU time of pre-filling each demo photo
    python -m tests.bench prefill --data DIR               precision and count against both thresholds
                                  [--photos 4] [--points-per-side 16]

The first runs the worker's own code on the stored embedding, in a folder of its own. The second reads DIR, folders of
photos with their masks in SA-1B layout, and takes `--photos` of each folder, evenly spread. It prints one JSON object
for each pair of thresholds: suggestions a photo, the share of them with IoU >= 0.75 to some true mask ("precision"; low
where not everything on the photo was annotated), and the share of true masks that some suggestion finds ("recall");
then the photos without any suggestion. Write what you choose into MODEL_DEFAULTS (annotator/automatic/options.py).
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RIGHT_IOU = 0.75
IOUS = (0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.88, 0.92)
STABILITIES = (0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
NMS_IOU = 0.7


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--photos", type=int, default=4, help="of each folder in DIR")
    parser.add_argument("--points-per-side", type=int)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="maskwright-prefill-") as folder:
        prepare(Path(folder))
        if wanted.data is None:
            measure_time(wanted.points_per_side)
        else:
            calibrate(wanted.data, photos=wanted.photos, points_per_side=wanted.points_per_side)


def prepare(folder: Path) -> None:
    """Point Django at an empty folder, make the tables, and keep torch to one thread, whose CPU time is the cost."""
    os.environ.update(DATA_DIR=str(folder), DJANGO_SETTINGS_MODULE="annotator.settings", LOG_LEVEL="ERROR")
    os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'bench.sqlite3'}"
    os.environ["INFERENCE_THREADS"] = "1"
    sys.path.insert(0, str(ROOT))
    import django
    import torch
    from django.core.management import call_command

    torch.set_num_threads(1)
    django.setup()
    call_command("migrate", verbosity=0)


def report(name: str, **figures: Any) -> None:
    """Print one figure."""
    rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()}
    print(json.dumps({"figure": name, **rounded}), flush=True)


def measure_time(points_per_side: int | None) -> None:
    """Pre-fill each demo photo with its embedding stored before, as the worker does."""
    from annotator.automatic.mask_runs import run_image
    from annotator.automatic.models import RunKind
    from annotator.images.models import Image
    from annotator.images.services import add_photo
    from annotator.inference.embedding_requests import request_embedding
    from annotator.inference.model_sync import sync_model
    from annotator.inference.services import compute_embedding
    from annotator.projects.models import Project

    version, _ = sync_model("sam_lite")
    chosen = {"prefill_points_per_side": points_per_side} if points_per_side else {}
    project = Project.objects.create(name="prefill", model_version=version, settings={"automatic": chosen})
    for path in sorted((ROOT / "fixtures" / "demo" / "photos").glob("*.jpg")):
        with path.open("rb") as file:
            image = add_photo(project, file, name=path.name, user=None).image
        compute_embedding(request_embedding(image.sha256, version).pk)
        image = Image.objects.select_related("project__model_version").get(pk=image.pk)
        started, cpu_started = time.perf_counter(), time.process_time()
        run = run_image(image, kind=RunKind.PREFILL)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        report("prefill", photo=path.name, seconds=seconds, cpu_seconds=cpu, masks=run.mask_count, status=run.status)


def calibrate(data: Path, *, photos: int, points_per_side: int | None) -> None:
    """Find every mask of the photos once, then count what each pair of thresholds would keep."""
    from annotator.inference.model_sync import sync_model
    from annotator.inference.selectors import model_folder

    version, _ = sync_model("sam_lite")
    folder = model_folder(version.version)
    looked_at = []
    for path in choose_photos(data, photos):
        looked_at.append(look_at(path, folder, points_per_side))
        print(f"{path.parent.name}/{path.name}: {len(looked_at[-1]['scores'])} masks", file=sys.stderr, flush=True)
    for iou in IOUS:
        for stability in STABILITIES:
            report("thresholds", model=version.version, **figures_at(looked_at, iou, stability))


def choose_photos(data: Path, count: int) -> list[Path]:
    """Return some photos of each folder that have their masks beside them, evenly spread."""
    chosen: list[Path] = []
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        whole = [path for path in sorted(folder.iterdir()) if path.suffix in PHOTO_SUFFIXES]
        whole = [path for path in whole if path.with_suffix(".json").is_file()]
        step = max(len(whole) // count, 1)
        chosen += whole[::step][:count]
    if not chosen:
        raise SystemExit(f"{data} holds no folders with photos and their .json files.")
    return chosen


def look_at(path: Path, folder: Path, points_per_side: int | None) -> dict[str, Any]:
    """Return the scores of every mask that the grid gives, and how they overlap with each other and with the truth."""
    import numpy as np
    from PIL import Image as Pillow

    from annotator import mask_gateway, sam_gateway
    from annotator.automatic.mask_runs import figures_of
    from annotator.automatic.models import RunKind
    from annotator.automatic.options import AutomaticOptions

    with Pillow.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    options = AutomaticOptions(predicted_iou=min(IOUS), stability_score=min(STABILITIES), nms_iou=1.0)
    figures = figures_of(RunKind.PREFILL, options)
    if points_per_side:
        figures["points_per_side"] = points_per_side
    embedding_file = sam_gateway.encode_image(pixels, folder, threads=1)
    found = sam_gateway.find_masks(pixels, folder, embedding_file=embedding_file, figures=figures, threads=1)
    size = (pixels.shape[0], pixels.shape[1])
    counts = [mask.counts for mask in found]
    truth = [row["segmentation"]["counts"] for row in json.loads(path.with_suffix(".json").read_text())["annotations"]]
    shape = (len(counts), len(counts)), (len(counts), len(truth))
    overlaps = [mask_gateway.iou_matrix(counts, other, size) if counts and other else [] for other in (counts, truth)]
    return {
        "scores": np.array([[mask.predicted_iou, mask.stability_score] for mask in found]).reshape(-1, 2),
        "among": np.array(overlaps[0]).reshape(shape[0]),
        "truth": np.array(overlaps[1]).reshape(shape[1]),
    }


def figures_at(looked_at: list[dict[str, Any]], iou: float, stability: float) -> dict[str, Any]:
    """Return what one pair of thresholds keeps of all photos, after dropping duplicates as the product does."""
    kept = right = true = found = empty = 0
    for photo in looked_at:
        rows = without_duplicates(photo, iou, stability)
        overlap = photo["truth"][rows]
        kept, true = kept + len(rows), true + photo["truth"].shape[1]
        right += int((overlap >= RIGHT_IOU).any(axis=1).sum()) if overlap.size else 0
        found += int((overlap >= RIGHT_IOU).any(axis=0).sum()) if overlap.size else 0
        empty += not rows
    return {
        "predicted_iou": iou,
        "stability_score": stability,
        "suggestions_a_photo": kept / len(looked_at),
        "precision": right / kept if kept else None,
        "recall": found / true if true else None,
        "photos_without": empty,
        "photos": len(looked_at),
    }


def without_duplicates(photo: dict[str, Any], iou: float, stability: float) -> list[int]:
    """Return the masks at or above both thresholds, best first, none overlapping a better one above NMS_IOU."""
    good = (photo["scores"][:, 0] >= iou) & (photo["scores"][:, 1] >= stability)
    kept: list[int] = []
    for row in sorted(good.nonzero()[0].tolist(), key=lambda row: -photo["scores"][row, 0]):
        if not any(photo["among"][row, other] > NMS_IOU for other in kept):
            kept.append(row)
    return kept


if __name__ == "__main__":
    main()
