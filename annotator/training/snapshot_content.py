"""The content of a dataset version: a gzip file of JSON lines, one an image, by rising image id.

A line is {"image": ..., "annotations": [...]}, `ImageFacts` and `MaskFacts`; masks come by rising id. It holds no date
of its own and no name of a file, so equal masks make equal bytes. Each batch is a gzip member of its own: a run that
was killed goes on after the last whole one, and every gzip reader takes the members as one file.
"""

import gzip
import io
import json
from collections.abc import Iterator, Sequence
from typing import IO, Any, TypedDict, cast

from annotator.annotations.models import Annotation
from annotator.images.models import Image, WorkStatus

LEVEL = 6


class ImageFacts(TypedDict):
    """A photo of a version. width and height are upright; `picture` says how its file is read (photos/readings.py)."""

    id: int
    name: str
    sha256: str
    picture: str
    width: int
    height: int
    held_out: bool
    reviewed: bool
    masks: int


class Rle(TypedDict):
    """COCO compressed RLE; size is [height, width]."""

    size: list[int]
    counts: str


class MaskFacts(TypedDict):
    """A mask of a version as it was at `revision`; bbox is [x, y, width, height].

    `prompts` are the clicks and boxes in the order in which they were made, as the workspace wrote them down:
    {type: "point", x, y, label} or {type: "box", x0, y0, x1, y1}, in pixels of the upright photo.
    """

    id: str
    revision: int
    label_id: int | None
    label: str | None
    segmentation: Rle
    area: int
    bbox: list[int]
    predicted_iou: float | None
    stability_score: float | None
    prompts: list[dict[str, Any]]
    model_version: str | None
    source: str
    stage: str
    author_id: int | None
    author: str | None
    attributes: dict[str, Any]


class VersionImage(TypedDict):
    """One line: a photo with its masks."""

    image: ImageFacts
    annotations: list[MaskFacts]


def describe_image(image: Image, masks: Sequence[Annotation], *, is_held_out: bool) -> VersionImage:
    """Return the line of an image; `masks` are rows with their label and author, by rising id."""
    facts: ImageFacts = {
        "id": image.pk,
        "name": image.name,
        "sha256": image.sha256,
        "picture": image.picture,
        "width": image.width,
        "height": image.height,
        "held_out": is_held_out,
        "reviewed": image.work_status == WorkStatus.REVIEWED,
        "masks": len(masks),
    }
    return {"image": facts, "annotations": [_describe_mask(mask, image) for mask in masks]}


def pack(images: Sequence[VersionImage]) -> bytes:
    """Return the images as a gzip member, the same bytes for the same images."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=buffer, mtime=0) as packed:
        for image in images:
            packed.write(json.dumps(image, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return buffer.getvalue()


def unpack(file: IO[bytes]) -> Iterator[VersionImage]:
    """Yield the images of a content file, one at a time."""
    for line in read_lines(file):
        yield cast("VersionImage", json.loads(line))


def read_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of a content file as they are."""
    with gzip.GzipFile(fileobj=file, mode="rb") as packed:
        yield from packed


def prompts_of(provenance: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the clicks and boxes of a mask's provenance that have sense; files may have brought anything.

    >>> prompts_of({"prompts": [{"type": "point", "x": 1.5, "y": 2, "label": 1, "at": 3}, {"type": "point"}, 7]})
    [{'type': 'point', 'x': 1.5, 'y': 2, 'label': 1}]
    """
    raw = provenance.get("prompts")
    found = [_prompt(entry) for entry in raw] if isinstance(raw, list) else []
    return [prompt for prompt in found if prompt is not None]


def steps_of(prompts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each prompt as the trainer reads it: what is new since the one before.

    >>> steps_of([{"type": "point", "x": 1.5, "y": 2, "label": 0}])
    [{'points': [[1.5, 2]], 'labels': [0], 'box': None}]
    """
    steps: list[dict[str, Any]] = []
    for prompt in prompts:
        if prompt["type"] == "box":
            steps.append({"points": [], "labels": [], "box": [prompt[name] for name in _BOX]})
        else:
            steps.append({"points": [[prompt["x"], prompt["y"]]], "labels": [prompt["label"]], "box": None})
    return steps


_BOX = ("x0", "y0", "x1", "y1")
_POINT = ("x", "y", "label")


def _prompt(entry: object) -> dict[str, Any] | None:
    if not isinstance(entry, dict) or entry.get("type") not in ("point", "box"):
        return None
    names = _BOX if entry["type"] == "box" else _POINT
    values = {name: entry.get(name) for name in names}
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values.values()):
        return None
    if entry["type"] == "point" and values["label"] not in (0, 1):
        return None
    return {"type": entry["type"], **values}


def _describe_mask(mask: Annotation, image: Image) -> MaskFacts:
    provenance = mask.provenance if isinstance(mask.provenance, dict) else {}
    model = provenance.get("model_version")
    return {
        "id": str(mask.pk),
        "revision": mask.revision,
        "label_id": mask.label_id,
        "label": mask.label.name if mask.label else None,
        "segmentation": {"size": [image.height, image.width], "counts": mask.counts},
        "area": mask.area,
        "bbox": [mask.bbox_x, mask.bbox_y, mask.bbox_w, mask.bbox_h],
        "predicted_iou": mask.predicted_iou,
        "stability_score": mask.stability_score,
        "prompts": prompts_of(provenance),
        "model_version": model if isinstance(model, str) else None,
        "source": mask.source,
        "stage": mask.stage,
        "author_id": mask.author_id,
        "author": mask.author.username if mask.author else None,
        "attributes": mask.attributes if isinstance(mask.attributes, dict) else {},
    }
