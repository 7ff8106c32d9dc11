"""What kind of data set a JSON is, by its keys and the first items of its lists, however far into the file they are.

Must not know: the formats' other insides, rows.
"""

from typing import IO

from annotator.exchange.files.json_stream import BrokenJsonError, read_object
from annotator.exchange.files.source import BrokenFileError, Entry, Source

COCO, PANOPTIC, SA1B = "coco", "panoptic", "sa1b"
_LISTS = ("images", "annotations")


def kind_of(source: Source, entry: Entry) -> str:
    """Return COCO, PANOPTIC or SA1B; "" for anything else, also for what is no JSON at all.

    A file that breaks off behind the place that tells is of its kind all the same: reading it says what is wrong.
    """
    if entry.name not in source.json_kinds:
        source.json_kinds[entry.name] = _classify(source, entry)
    return source.json_kinds[entry.name]


def _classify(source: Source, entry: Entry) -> str:
    members: dict[str, object] = {}
    try:
        with source.open(entry) as file:
            return _kind(file, members)
    except (BrokenJsonError, BrokenFileError):
        return COCO if _is_coco_image(members.get("images")) else ""


def _kind(file: IO[bytes], members: dict[str, object]) -> str:
    for key, item in read_object(file, arrays=_LISTS):
        if key in members:
            continue
        members[key] = item
        if key == "annotations":
            return _by_annotation(item, members)
    if _is_coco_image(members.get("images")):
        return COCO
    return SA1B if _is_sa1b_image(members.get("image")) else ""


def _by_annotation(item: object, members: dict[str, object]) -> str:
    if not isinstance(item, dict):
        return COCO if _is_coco_image(members.get("images")) else ""
    if "segments_info" in item:
        return PANOPTIC
    if "image_id" in item or "images" in members:
        return COCO
    return SA1B if "segmentation" in item and ("image" in members or "point_coords" in item) else ""


def _is_coco_image(item: object) -> bool:
    return isinstance(item, dict) and "id" in item and bool(item.keys() & {"file_name", "coco_url", "width"})


def _is_sa1b_image(item: object) -> bool:
    return isinstance(item, dict) and "file_name" in item
