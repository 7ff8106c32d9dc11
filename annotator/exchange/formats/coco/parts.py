"""The COCO JSONs of an archive: what each holds, and which of them to read.

Roboflow packs one for each split; COCO itself puts instances beside captions and keypoints of the same photos. Unless
somebody chose, all are read that hold masks of photos of their own; of two about the same photos the one with more
masks and categories. Must not know: rows of the database.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from django.utils.translation import gettext as _

from annotator.exchange.base.split_names import split_in
from annotator.exchange.files.json_shape import COCO, kind_of
from annotator.exchange.files.json_stream import BrokenJsonError, read_object
from annotator.exchange.files.source import BrokenFileError, Entry, Source

ARRAYS = ("images", "annotations", "categories", "licenses")


@dataclass
class Part:
    """One COCO JSON; `names` are hashes of the photos' names."""

    entry: Entry
    images: int = 0
    annotations: int = 0
    masks: int = 0
    boxes: int = 0
    categories: list[str] = field(default_factory=list)
    holds: set[str] = field(default_factory=set)
    names: set[bytes] = field(default_factory=set)
    problem: str = ""
    is_chosen: bool = False

    def to_json(self) -> dict[str, object]:
        """Return what the preview shows."""
        return {
            "name": self.entry.name,
            "images": self.images,
            "annotations": self.annotations,
            "masks": self.masks,
            "boxes": self.boxes,
            "categories": len(self.categories),
            "holds": sorted(self.holds),
            "split": split_in(self.entry.name),
            "problem": self.problem,
            "is_chosen": self.is_chosen,
        }


def coco_entries(source: Source) -> list[Entry]:
    """Return the COCO JSONs of a source, in order; a file that is sent alone is one, whatever its name."""
    jsons = source.entries if source.kind == "file" else list(source.named(".json"))
    return [entry for entry in jsons if kind_of(source, entry) == COCO]


def choose_parts(source: Source, entries: Sequence[Entry], wanted: Sequence[str]) -> list[Part]:
    """Return all parts, looked through, with those to read marked; raise BrokenFileError for names that none has."""
    parts = [_scan(source, entry) for entry in entries]
    if wanted:
        unknown = sorted(set(wanted) - {part.entry.name for part in parts})
        if unknown:
            raise BrokenFileError(_("The file holds no COCO JSON called %(name)s.") % {"name": unknown[0]})
        for part in parts:
            part.is_chosen = part.entry.name in wanted
        return parts
    taken: set[bytes] = set()
    for part in sorted(parts, key=lambda part: (-bool(part.masks), -len(part.categories), -part.masks, -part.boxes)):
        part.is_chosen = not part.problem and bool(part.masks or part.boxes) and not part.names & taken
        taken |= part.names if part.is_chosen else set()
    if not any(part.is_chosen for part in parts):
        for part in parts:
            part.is_chosen = True
    return parts


def items_of(source: Source, entry: Entry) -> Iterator[tuple[str, Any]]:
    """Yield (key, item) of one JSON; raise BrokenFileError for what is no JSON."""
    try:
        with source.open(entry) as file:
            yield from read_object(file, arrays=ARRAYS)
    except BrokenJsonError as error:
        raise BrokenFileError(_("%(name)s: %(reason)s") % {"name": entry.name, "reason": error}) from error


def _scan(source: Source, entry: Entry) -> Part:
    part = Part(entry)
    folder = entry.path.rpartition("/")[0]
    try:
        for key, item in items_of(source, entry):
            if key == "images" and isinstance(item, dict):
                part.images += 1
                name = item.get("file_name") or item.get("coco_url") or item.get("id")
                # A folder of one's own, as Roboflow's, makes photos of one name different ones.
                own = "" if folder.endswith("annotations") else folder
                part.names.add(blake2b(f"{own} {name}".encode("utf-8", "replace"), digest_size=8).digest())
            elif key == "categories" and isinstance(item, dict):
                part.categories.append(str(item.get("name"))[:100])
            elif key == "annotations" and isinstance(item, dict):
                _count(item, part)
    except BrokenFileError as error:
        part.problem = str(error)
    return part


def _count(item: dict[str, object], part: Part) -> None:
    part.annotations += 1
    if item.get("segmentation"):
        part.masks += 1
        part.holds.add("masks")
    elif item.get("bbox"):
        part.boxes += 1
        part.holds.add("boxes")
    for name in ("caption", "keypoints"):
        if item.get(name):
            part.holds.add(f"{name.rstrip('s')}s")
