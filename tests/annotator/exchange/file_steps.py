"""Small data sets for tests: pictures of one size, archives, COCO JSON, and what lies where after an import."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from annotator.annotations.models import Annotation
from annotator.images.models import Image
from annotator.images.services import add_photo
from annotator.projects.models import Project

WIDTH, HEIGHT = 60, 40


def png(seed: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """Return a picture; another seed makes another content."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def put(project: Project, name: str, seed: int = 0) -> Image:
    """Put a picture into a project."""
    return add_photo(project, io.BytesIO(png(seed)), name=name, user=None).image


def square(x: float, y: float, side: float = 10) -> list[float]:
    """Return the polygon of a square."""
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def picture(number: Any, name: str, **more: Any) -> dict[str, Any]:
    """Return an image of a COCO JSON."""
    return {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, **more}


def mask(number: Any, image: Any, x: float = 5, y: float = 5, *, category: Any = 1, **more: Any) -> dict[str, Any]:
    """Return an annotation of a COCO JSON: a square of 10."""
    row = {"id": number, "image_id": image, "category_id": category, "segmentation": [square(x, y)], "iscrowd": 0}
    return {**row, **more}


def coco(images: list[Any], annotations: list[Any], categories: list[Any] | None = None) -> dict[str, Any]:
    """Return a COCO JSON."""
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cell"}] if categories is None else categories,
    }


def write_json(path: Path, content: Any) -> Path:
    """Write a JSON file."""
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def write_zip(path: Path, entries: dict[str, Any]) -> Path:
    """Write a zip; what is no bytes and no text is written as JSON."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content if isinstance(content, bytes | str) else json.dumps(content))
    return path


def found(project: Project) -> dict[str, list[tuple[int, int, int, int]]]:
    """Return the boxes of all masks by the photo's path."""
    rows: dict[str, list[tuple[int, int, int, int]]] = {
        name: [] for name in Image.objects.filter(project=project).values_list("name", flat=True)
    }
    masks = Annotation.objects.filter(image__project=project).order_by("bbox_x", "bbox_y")
    for name, x, y, w, h in masks.values_list("image__name", "bbox_x", "bbox_y", "bbox_w", "bbox_h"):
        rows[name].append((x, y, w, h))
    return rows


def labelled(project: Project) -> dict[str, tuple[int, int]]:
    """Return where the mask of each label begins."""
    rows = Annotation.objects.filter(image__project=project, label__isnull=False)
    return {name: (x, y) for name, x, y in rows.values_list("label__name", "bbox_x", "bbox_y")}
