"""Which masks one dataset version has more, fewer and otherwise than another, in one pass over both files.

Both are sorted by image and by mask, so nothing has to be kept; lines that are equal byte for byte, as those of images
that nobody touched, are not even parsed.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, cast

from annotator.training.snapshot_content import ImageFacts, MaskFacts, VersionImage

What = Literal["added", "changed", "gone"]
MAX_EXAMPLES = 100
_MASKS = b',"annotations":'


@dataclass
class LabelChange:
    """What is different of the masks of a label, by the later version's word for it; null for masks without one."""

    label: str | None
    added: int = 0
    changed: int = 0
    gone: int = 0


@dataclass(frozen=True)
class Example:
    """One mask that is not the same, and its image."""

    what: What
    mask_id: str
    label: str | None
    image_id: int
    image: str


@dataclass
class Comparison:
    """What became of the earlier version's masks in the later one, by label, and the first MAX_EXAMPLES of them.

    A mask is changed when its pixels or its label are others. moved_images: held out in one, trained on in the other.
    """

    added: int = 0
    changed: int = 0
    gone: int = 0
    same: int = 0
    images_added: int = 0
    images_gone: int = 0
    moved_images: int = 0
    labels: list[LabelChange] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)


def compare_lines(earlier: Iterable[bytes], later: Iterable[bytes]) -> Comparison:
    """Compare the lines of two content files."""
    comparison, labels = Comparison(), _Labels()
    for old, new in _paired(_headed(earlier), _headed(later)):
        if old and new and old[1] == new[1]:
            comparison.same += old[0]["masks"]
        else:
            _compare_images(comparison, labels, _parse(old), _parse(new))
    comparison.labels = labels.listed()
    return comparison


class _Labels:
    """The changes by label."""

    def __init__(self) -> None:
        self._rows: dict[str | None, LabelChange] = {}

    def note(self, what: What, label: str | None) -> None:
        """Count one mask."""
        row = self._rows.setdefault(label, LabelChange(label))
        setattr(row, what, getattr(row, what) + 1)

    def listed(self) -> list[LabelChange]:
        """Return the labels with most changes first."""
        return sorted(self._rows.values(), key=lambda row: (-row.added - row.changed - row.gone, row.label or ""))


_Headed = tuple[ImageFacts, bytes]
_Pair = tuple[_Headed | None, _Headed | None]


def _headed(lines: Iterable[bytes]) -> Iterator[_Headed]:
    """Yield each line with what it says of its image, parsed without its masks."""
    for line in lines:
        head = json.loads(line.partition(_MASKS)[0] + b"}")
        yield cast("ImageFacts", head["image"]), line


def _paired(earlier: Iterator[_Headed], later: Iterator[_Headed]) -> Iterator[_Pair]:
    """Yield the lines of one image together, by rising id; None where a version lacks the image."""
    old, new = next(earlier, None), next(later, None)
    while old or new:
        if new is None or (old and old[0]["id"] < new[0]["id"]):
            yield old, None
            old = next(earlier, None)
        elif old is None or new[0]["id"] < old[0]["id"]:
            yield None, new
            new = next(later, None)
        else:
            yield old, new
            old, new = next(earlier, None), next(later, None)


def _parse(headed: _Headed | None) -> VersionImage | None:
    return cast("VersionImage", json.loads(headed[1])) if headed else None


def _compare_images(
    comparison: Comparison, labels: _Labels, old: VersionImage | None, new: VersionImage | None
) -> None:
    comparison.images_added += old is None
    comparison.images_gone += new is None
    if old and new and old["image"]["held_out"] != new["image"]["held_out"]:
        comparison.moved_images += 1
    before = {mask["id"]: mask for mask in old["annotations"]} if old else {}
    after = {mask["id"]: mask for mask in new["annotations"]} if new else {}
    image = (new or cast("VersionImage", old))["image"]
    for pk in sorted(before.keys() | after.keys()):
        what = _what_became(before.get(pk), after.get(pk))
        if what is None:
            comparison.same += 1
            continue
        mask = after.get(pk) or before[pk]
        setattr(comparison, what, getattr(comparison, what) + 1)
        labels.note(what, mask["label"])
        if len(comparison.examples) < MAX_EXAMPLES:
            comparison.examples.append(Example(what, pk, mask["label"], image["id"], image["name"]))


def _what_became(before: MaskFacts | None, after: MaskFacts | None) -> What | None:
    if before is None:
        return "added"
    if after is None:
        return "gone"
    is_same = before["segmentation"] == after["segmentation"] and before["label_id"] == after["label_id"]
    return None if is_same else "changed"
