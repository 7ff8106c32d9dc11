"""Label Studio: a JSON of tasks with brush strokes, polygons and ellipses; from a bare JSON or one in an archive.

Annotations that were cancelled are passed over. Predictions are read where a task has no annotation, as suggestions.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.utils.translation import gettext as _

from annotator.annotations.models import State
from annotator.exchange.base.reading import (
    MAX_LABEL_LENGTH,
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    name_of,
    number_of,
    text_of,
    whole_of,
)
from annotator.exchange.base.rings import ellipse
from annotator.exchange.files.json_parts import END, read_parts, top_level_keys
from annotator.exchange.files.json_stream import BrokenJsonError
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.exchange.formats.labelstudio.brush import BrokenBrushError, unpack_brush
from annotator.mask_gateway import encode

Size = tuple[int, int]
_TASK = ("*",)
_KINDS = ("annotations", "predictions")
_RESULTS = [("*", kind, "*", "result", "*") for kind in _KINDS]
_ANNOTATIONS = [path[:3] for path in _RESULTS]
_CANCELLED = [(*path, "was_cancelled") for path in _ANNOTATIONS]
_DATA = ("*", "data")
_ENTERED = [(), *{path[:length] for path in _RESULTS for length in range(1, len(path))}]
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
_SHAPES = {"brushlabels": "brush", "brush": "brush", "polygonlabels": "polygon", "polygon": "polygon",
           "ellipselabels": "ellipse", "ellipse": "ellipse"}  # fmt: skip
_PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")


class LabelStudioReader(Reader):
    """Reads every JSON of the source that holds tasks."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, Size] = {}
        self._cancelled: set[str] = set()
        self._answered: set[str] = set()  # tasks with an annotation

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say which JSON is the first that is a list of tasks."""
        for entry in source.first(".json"):
            try:
                with source.open(entry) as file:
                    keys = set(top_level_keys(file, of_first_item=True))
            except (BrokenJsonError, BrokenFileError):
                continue
            if "data" in keys and keys & set(_KINDS):
                return _("Label Studio JSON (%(name)s)") % {"name": entry.name}
        return ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield an image for each task, and each label where it comes first."""
        self.mask_count = 0
        known: set[str] = set()
        data: object = None
        size: tuple[int | None, int | None] = (None, None)
        for key, path, value in self._walk([*_RESULTS, _DATA, *_CANCELLED]):
            if path == _DATA:
                data = value
            elif path in _RESULTS and isinstance(value, dict):
                self.mask_count += 1
                size = _said_size(value) if size == (None, None) else size
                for name in _labels_of(value):
                    if name not in known:
                        known.add(name)
                        yield FileCategory(name, name)
            elif path in _CANCELLED and value is True:
                self._cancelled.add(key)
            elif path in _ANNOTATIONS and value is END and path[1] == "annotations" and key not in self._cancelled:
                self._answered.add(_task_of(key))
            elif path == _TASK and value is END:
                yield _read_image(data, _task_of(key), size)
                data, size = None, (None, None)

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the results of annotations, and of predictions of tasks that have none."""
        number = 0
        for key, path, value in self._walk(_RESULTS):
            if path not in _RESULTS:
                continue
            number += 1
            task = _task_of(key)
            is_prediction = path[1] == "predictions"
            if key in self._cancelled or (is_prediction and task in self._answered):
                continue
            found = read_result(value, f"{task} result {number}", task, self._sizes.get(task))
            if is_prediction and isinstance(found, FileMask):
                found.fields["state"] = State.SUGGESTION.value
            yield found

    def use_size(self, image_key: str, size: Size) -> None:
        """Learn a photo's size: strokes and polygons are relative to it."""
        self._sizes[image_key] = size

    def _walk(self, take: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, tuple[str, ...], Any]]:
        """Yield (annotation's key, path, value); the key starts with the task's."""
        for entry in _jsons(self.source):
            task, annotation = 1, 1
            try:
                with self.source.open(entry) as file:
                    for path, value in read_parts(file, enter=_ENTERED, take=take):
                        yield f"{entry.name} task {task}\0{path[1:2]} {annotation}", path, value
                        if value is END and path in _ANNOTATIONS:
                            annotation += 1
                        elif value is END and path == _TASK:
                            task, annotation = task + 1, 1
            except BrokenJsonError as error:
                sentence = _("%(name)s cannot be read: %(reason)s") % {"name": entry.name, "reason": error}
                raise BrokenFileError(sentence) from error


def read_result(result: Any, place: str, image_key: str, size: Size | None) -> FileMask | Problem:
    """Return the mask of one result on a photo of (height, width); None where the photo is not known."""
    value = result.get("value") if isinstance(result, dict) else None
    if not isinstance(value, dict):
        return Problem(place, "bad_annotation", _("It has no value."))
    kind = _SHAPES.get(str(result.get("type")))
    if kind is None:
        said = text_of(result.get("type"), limit=30)
        if said.startswith("rectangle"):
            return Problem(place, "no_mask", _("It is a box, not an outline."))
        return Problem(place, "no_mask", _("It is of the kind “%(kind)s”, which is no mask.") % {"kind": said})
    if whole_of(result.get("image_rotation") or 0) != 0:
        return Problem(
            place, "bad_annotation", _("Its photo is turned in Label Studio; turn it back and export again.")
        )
    name = next(iter(_labels_of(result)), None)
    mask = FileMask(place, None, image_key, name, fields={"predicted_iou": number_of(result.get("score"))})
    if size is None:
        return mask  # its photo is not taken, which is said where that is found out
    if kind == "brush":
        return _read_brush(value.get("rle"), mask, size)
    mask.polygons = _ring(kind, value, size)
    return mask if mask.polygons else Problem(place, "bad_annotation", _("Its points are not pairs of numbers."))


def _read_brush(rle: Any, mask: FileMask, size: Size) -> FileMask | Problem:
    if not isinstance(rle, list):
        return Problem(mask.place, "no_mask", _("It has no brush stroke."))
    try:
        mask.counts, mask.size = encode(unpack_brush(rle, size)), list(size)
    except BrokenBrushError as error:
        return Problem(mask.place, "bad_counts", _("Its brush stroke cannot be read: %(reason)s.") % {"reason": error})
    return mask


def _ring(kind: str, value: dict[str, Any], size: Size) -> list[list[float]] | None:
    """Return the polygon in pixels of what is given in percent of the sides; None where that is not numbers."""
    height, width = size
    if kind == "ellipse":
        numbers = [value.get(name) for name in ("x", "y", "radiusX", "radiusY")]
        if not all(_is_number(number) for number in numbers) or value.get("rotation"):
            return None
        x, y, radius_x, radius_y = (float(number or 0) / 100 for number in numbers)
        return [ellipse(x * width, y * height, radius_x * width, radius_y * height)]
    points = value.get("points")
    pairs = points if isinstance(points, list) else []
    if not all(isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair)) for pair in pairs):
        return None
    return [[_near(side * number / 100) for pair in pairs for side, number in zip((width, height), pair, strict=True)]]


def _near(pixels: float) -> float:
    """Return a corner; within a thousandth of a pixel the whole number is meant."""
    return float(round(pixels)) if abs(pixels - round(pixels)) < 1e-3 else pixels


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _labels_of(result: dict[str, Any]) -> list[str]:
    value = result.get("value")
    said = [v for k, v in value.items() if k.endswith("labels")] if isinstance(value, dict) else []
    names = [name_of(name, limit=MAX_LABEL_LENGTH) for names in said if isinstance(names, list) for name in names[:1]]
    return [name for name in names if name]


def _said_size(result: dict[str, Any]) -> tuple[int | None, int | None]:
    return whole_of(result.get("original_height"), low=1), whole_of(result.get("original_width"), low=1)


def _read_image(data: object, task: str, size: tuple[int | None, int | None]) -> FileImage | Problem:
    name = name_in(data)
    if not name:
        return Problem(task, "bad_image", _("It names no image."))
    return FileImage(task, name, width=size[1], height=size[0])


def name_in(data: object) -> str:
    """Return the photo's name out of a task's data: `file_name`, or the address that looks like a photo.

    >>> name_in({"image": "/data/upload/3/0a1b2c3d-leaf%201.jpg"})
    'leaf 1.jpg'
    """
    if isinstance(data, dict) and (said := text_of(data.get("file_name"))):
        return said
    texts = [text for text in data.values() if isinstance(text, str)] if isinstance(data, dict) else []
    names = [_name_of_address(text) for text in texts]
    photos = [name for name in names if name.lower().endswith(_PHOTO_ENDINGS)]
    return next(iter(photos or [name for name in names if name]), "")


def _name_of_address(address: str) -> str:
    try:
        parts = urlsplit(address)
        local = parse_qs(parts.query).get("d", [""])[0]
    except ValueError:
        return text_of(address)
    path = local or unquote(parts.path)
    folder, _, last = path.rpartition("/")
    if "/upload/" in f"/{folder}/" and not local:
        return text_of(_UPLOADED.sub("", last))
    is_elsewhere = bool(parts.scheme or parts.netloc)
    return text_of(last if is_elsewhere else path.lstrip("/"))


def _task_of(key: str) -> str:
    return key.partition("\0")[0]


def _jsons(source: Source) -> Iterator[Entry]:
    return iter(source.entries) if source.kind == "file" else source.named(".json")
