"""A dataset version as a folder in SA-1B layout, with its photos, for `python -m sam_core improve --data FOLDER`.

Beside each photo, `{image id}.jpg` or `.png`, lies `{image id}.json`. Photos are upright, of the size that masks have.
Those that are gone, or are shown at another size now, are left out and counted. The JSON comes last, so that a folder
that was begun can be gone on with.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files.storage import default_storage
from PIL import Image as Pillow

from annotator.photos import store
from annotator.photos.decoding import PhotoFacts
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.originals import load_rgb, open_original
from annotator.training.snapshot_content import MaskFacts, VersionImage, steps_of

AS_THEY_ARE = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}  # the trainer reads these kinds
LOSSY = {"JPEG", "WEBP", "HEIF", "AVIF"}  # written anew as JPEG, which stays far smaller than a PNG
COPY_BYTES = 1 << 20
Progress = Callable[[int, int], None]


@dataclass
class FolderReport:
    """What was written, and how many images were left out because their photo is gone or has another size now."""

    images: int = 0
    masks: int = 0
    held_out_images: int = 0
    missing: int = 0
    changed: int = 0


def write_images(images: Iterator[VersionImage], target: Path, *, total: int, on_progress: Progress) -> FolderReport:
    """Write each image with its masks into `target`; on_progress(done, total) may raise in order to stop."""
    target.mkdir(parents=True, exist_ok=True)
    report = FolderReport()
    for done, line in enumerate(images, start=1):
        _write_one(line, target, report)
        on_progress(done, total)
    return report


def _write_one(line: VersionImage, target: Path, report: FolderReport) -> None:
    facts = line["image"]
    described = target / f"{facts['id']}.json"
    if not described.exists():
        try:
            photo = _write_photo(line, target)
        except (FileNotFoundError, PhotoRefusedError):
            report.missing += 1
            return
        if photo is None:
            report.changed += 1
            return
        with _draft(described) as file:
            file.write(json.dumps(_describe(line, photo.name), ensure_ascii=False).encode())
    report.images += 1
    report.masks += len(line["annotations"])
    report.held_out_images += facts["held_out"]


def _write_photo(line: VersionImage, target: Path) -> Path | None:
    """Write the photo and return where; None where it has not the size of its masks any more."""
    facts = line["image"]
    with open_original(facts["picture"]) as (opened, header, reading):
        if (header.width, header.height) != (facts["width"], facts["height"]):
            return None
        if _is_plain(opened, header) and facts["picture"] == facts["sha256"]:
            return _copy_original(facts["sha256"], target / f"{facts['id']}{AS_THEY_ARE[header.format]}")
        pixels = load_rgb(opened, header, reading)
    is_lossy = header.format in LOSSY
    path = target / f"{facts['id']}{'.jpg' if is_lossy else '.png'}"
    with _draft(path) as file:
        if is_lossy:
            pixels.save(file, "JPEG", quality=95, subsampling=0)
        else:
            pixels.save(file, "PNG", compress_level=1)
    return path


def _is_plain(opened: Pillow.Image, header: PhotoFacts) -> bool:
    """Say whether every reader sees in the file what the workspace shows: upright, 8 bit, no profile, nothing clear."""
    is_upright = header.exif_orientation == 1 and header.depth == 8
    is_clear = bool({"icc_profile", "transparency"} & opened.info.keys())
    return header.format in AS_THEY_ARE and is_upright and opened.mode in {"RGB", "L"} and not is_clear


def _copy_original(sha256: str, path: Path) -> Path:
    """Link to the stored file in folders of the server's own, on the same disk, which costs nothing; else copy it.

    Whoever takes a folder elsewhere may change what is in it, and must not change what is stored.
    """
    if path.resolve().is_relative_to(Path(settings.DATA_DIR).resolve()):
        with suppress(NotImplementedError, OSError):
            os.link(default_storage.path(store.name_of(sha256, store.ORIGINAL)), path)
            return path
    with store.open_part(sha256, store.ORIGINAL) as source, _draft(path) as file:
        shutil.copyfileobj(source, file, COPY_BYTES)
    return path


def _describe(line: VersionImage, photo: str) -> dict[str, Any]:
    facts = line["image"]
    image = {
        "image_id": facts["id"],
        "width": facts["width"],
        "height": facts["height"],
        "file_name": photo,
        "name": facts["name"],
        "group": facts["sha256"],
        "held_out": facts["held_out"],
    }
    return {"image": image, "annotations": [_describe_mask(mask) for mask in line["annotations"]]}


def _describe_mask(mask: MaskFacts) -> dict[str, Any]:
    height, width = mask["segmentation"]["size"]
    clicked = [[point["x"], point["y"]] for point in mask["prompts"] if point["type"] == "point" and point["label"]]
    return {
        "id": mask["id"],
        "segmentation": mask["segmentation"],
        "bbox": mask["bbox"],
        "area": mask["area"],
        "predicted_iou": 1.0 if mask["predicted_iou"] is None else mask["predicted_iou"],
        "stability_score": 1.0 if mask["stability_score"] is None else mask["stability_score"],
        "crop_box": [0, 0, width, height],
        "point_coords": clicked,
        "label": mask["label"],
        "prompts": steps_of(mask["prompts"]),
    }


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that has its name once it is whole."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        yield file
    draft.replace(path)
