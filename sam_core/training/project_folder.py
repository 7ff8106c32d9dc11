"""A project's photos with people's masks, as a folder in SA-1B layout: what can be learned from, and what is held out.

NAME.json lies beside its photo. Read of it: `image.group` (photos that belong together are split together),
`image.held_out` (decided elsewhere; it wins), and of each annotation `segmentation`, `label`, `id` and `prompts`, what
the person clicked. A photo or mask that does not do is left out and named; nothing of a folder is changed.
Must not know: models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from sam_core.errors import InvalidMaskError
from sam_core.masks import rle
from sam_core.training.data import IMAGE_SUFFIXES, Record
from sam_core.training.photo_memory import DataError

HELD_OUT_SHARE = 5  # one group of so many
MOST_NAMED = 50  # of what was left out
EXIF_ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # the EXIF orientations that swap width and height
SET_NAME = "project"


@dataclass(frozen=True)
class Prompt:
    """What a person gave, in pixels of the upright photo: points (x, y) in order, labels 1 and 0, and a box or none."""

    points: tuple[tuple[float, float], ...]
    labels: tuple[int, ...]
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class ProjectMask:
    """One person's mask."""

    id: Any
    label: str
    rle: dict[str, Any]
    area_share: float  # of the photo
    prompt: Prompt | None


@dataclass(frozen=True)
class ProjectImage:
    """One photo with its masks. group: what is split together, the content's digest where nothing was said."""

    name: str
    path: Path
    size: tuple[int, int]  # H, W of the upright photo
    group: str
    masks: tuple[ProjectMask, ...]
    held_out: bool | None = None


@dataclass
class ProjectFolder:
    """What a folder holds: images to learn from and images that are held out; what was left out and why."""

    trained: list[ProjectImage] = field(default_factory=list)
    held_out: list[ProjectImage] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    skipped_images: int = 0
    empty_masks: int = 0

    def skip(self, name: str, reason: str) -> None:
        """Leave an image out, and keep why."""
        self.skipped_images += 1
        if len(self.skipped) < MOST_NAMED:
            self.skipped.append({"image": name, "reason": reason})

    def records(self) -> dict[str, list[Record]]:
        """Return the images to learn from as the training loop reads them."""
        return {
            SET_NAME: [
                Record(SET_NAME, one.path, tuple(mask.rle for mask in one.masks), (None,) * len(one.masks))
                for one in self.trained
            ]
        }


def read_project(folder: Path, on_progress: Callable[[int, int], None] = lambda done, total: None) -> ProjectFolder:
    """Read a folder and its sub-folders; DataError where nothing can be learned from it. on_progress: files of all."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name one in SA-1B layout, NAME.json beside its photo")
    found, files = ProjectFolder(), sorted(folder.rglob("*.json"))
    images = []
    for done, path in enumerate(files, start=1):
        name = str(path.relative_to(folder).with_suffix(""))
        try:
            image = _read_image(path, name, found)
        except (DataError, InvalidMaskError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            found.skip(name, _why(error))
        else:
            images.extend([] if image is None else [image])
        on_progress(done, len(files))
    found.held_out, found.trained = split(images)
    if not found.trained:
        raise DataError(_nothing(folder, found, files))
    return found


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if isinstance(error, KeyError):
        return f"its JSON lacks {error}"
    return str(error)


def _nothing(folder: Path, found: ProjectFolder, files: list[Path]) -> str:
    if found.held_out:
        return f"all images with masks below {folder} are held out; leave held_out false for those to learn from"
    if found.skipped:
        first = found.skipped[0]
        return (
            f"none of {len(files)} images below {folder} can be learned from; the first: {first['image']}: "
            f"{first['reason']}"
        )
    return f"no image with a mask below {folder}; put NAME.json with annotations beside each photo"


def _read_image(path: Path, name: str, found: ProjectFolder) -> ProjectImage | None:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not isinstance(content.get("annotations", []), list):
        raise DataError("its JSON is not of SA-1B's layout")
    photo = next((p for s in IMAGE_SUFFIXES if (p := path.with_suffix(s)).exists()), None)
    if photo is None:
        raise DataError("its photo is missing")
    facts, annotations = content.get("image") or {}, content.get("annotations", [])
    size = upright_size(photo)
    masks = []
    for annotation in annotations:
        mask = _read_mask(annotation, size)
        found.empty_masks += mask is None
        masks.extend([] if mask is None else [mask])
    if not masks:
        if annotations:
            found.skip(name, "all of its masks are empty")
        return None
    group, held_out = facts.get("group"), facts.get("held_out")
    return ProjectImage(
        name=name,
        path=photo,
        size=size,
        group=f"group {group}" if group is not None else _digest(photo),
        masks=tuple(masks),
        held_out=held_out if isinstance(held_out, bool) else None,
    )


def _digest(photo: Path) -> str:
    with photo.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def upright_size(photo: Path) -> tuple[int, int]:
    """Return (H, W) of a photo as people see it, without decoding it."""
    with Image.open(photo) as image:
        width, height = image.size
        turned = image.getexif().get(EXIF_ORIENTATION) in TURNED
    return (width, height) if turned else (height, width)


def _read_mask(annotation: dict[str, Any], size: tuple[int, int]) -> ProjectMask | None:
    """Return a mask, None if it is empty; raise DataError where it is not of the photo's size."""
    segmentation = annotation["segmentation"]
    if tuple(segmentation["size"]) != size:
        of_mask, of_photo = ("x".join(str(side) for side in reversed(one)) for one in (segmentation["size"], size))
        raise DataError(f"a mask is of {of_mask} pixels, the photo of {of_photo}")
    area = rle.area(segmentation)
    if area == 0:
        return None
    return ProjectMask(
        id=annotation.get("id"),
        label=str(annotation.get("label") or ""),
        rle=segmentation,
        area_share=area / (size[0] * size[1]),
        prompt=joined_prompt(annotation.get("prompts") or []),
    )


def joined_prompt(prompts: list[dict[str, Any]]) -> Prompt | None:
    """Return one prompt of all that a person gave in order; None where there was none.

    Each entry may hold what is new since the one before, or repeat that and go on.
    """
    points: list[tuple[float, float]] = []
    labels: list[int] = []
    box: tuple[float, float, float, float] | None = None
    for one in prompts:
        given = [(float(x), float(y)) for x, y in one.get("points") or []]
        kinds = [int(label) for label in one.get("labels") or []]
        if len(given) != len(kinds):
            raise DataError("a prompt has not as many labels as points")
        known = len(points) if given[: len(points)] == points and kinds[: len(labels)] == labels else 0
        points += given[known:]
        labels += kinds[known:]
        corners = one.get("box")
        box = (float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3])) if corners else box
    return Prompt(tuple(points), tuple(labels), box) if points or box else None


def split(images: list[ProjectImage]) -> tuple[list[ProjectImage], list[ProjectImage]]:
    """Return the images that are held out and those to learn from.

    What an image says of itself holds. Of the others a fifth of the groups is held out, by hash, so that a group stays
    where it is when others come; one at least where there are two, and never all.
    """
    said = {one.group: one.held_out for one in images if one.held_out is not None}
    open_groups = sorted({one.group for one in images if one.group not in said}, key=_place_of)
    held = [group for group in open_groups if _place_of(group) % HELD_OUT_SHARE == 0]
    is_any_held, is_any_trained = any(said.values()), not all(said.values())
    if not held and not is_any_held and len(open_groups) + len(said) > 1:
        held = open_groups[:1]
    if len(held) == len(open_groups) and held and not (said and is_any_trained):
        held = held[:-1]
    is_held = {**dict.fromkeys(held, True), **said}

    def holds(one: ProjectImage) -> bool:
        return bool(is_held.get(one.group) if one.held_out is None else one.held_out)

    return [one for one in images if holds(one)], [one for one in images if not holds(one)]


def _place_of(group: str) -> int:
    return int(hashlib.sha256(group.encode()).hexdigest(), 16)
