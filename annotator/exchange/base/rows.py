"""Labels, photos and masks as a writer is given them, and what it may ask about all that was chosen.

Must not know: the database, formats, files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from annotator.annotations.mask_fields import MASK_FIELDS, OBJECT_SIZES, Choice, Object
from annotator.exchange.options import ExportOptions
from annotator.photos.naming import stem_of


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label with its numbers in files: the COCO category id, and the class number from 0 (see numbers.py)."""

    pk: int
    number: int
    class_number: int
    supercategory: str
    name: str
    color: str
    key: str
    attributes: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A photo and its number in files; 0 where it was never exported.

    file_name: its owner's name for it, unless two photos have it. stem: a name without an ending that no other photo
    has, for files beside the photos. is_jpeg_made: the photo is written as a JPEG, as its own kind cannot be written.
    """

    pk: int
    number: int
    file_name: str
    stem: str
    sha256: str
    picture: str
    width: int
    height: int
    exif_orientation: int
    format: str
    tags: list[str]
    split: str
    own_split: str
    stage: str
    work_status: str
    is_jpeg_made: bool

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width)."""
        return self.height, self.width

    @property
    def paired_name(self) -> str:
        """Return the photo's name where a file of its own stem lies beside it: YOLO's, VOC's, LabelMe's."""
        return self.stem + self.file_name[len(stem_of(self.file_name)) :]


_CHOICES = tuple(field.name for field in MASK_FIELDS if isinstance(field.kind, Choice))
_PLAIN = tuple(field.name for field in MASK_FIELDS if not isinstance(field.kind, Choice | Object))
_ORIGIN = {"author": "author__username", "model_version": "model_version__version"}
# What files say of a mask by name, in this order; of all but the objects, which come last, the columns.
SAID_NAMES = (*_CHOICES, *_ORIGIN, *_PLAIN, *OBJECT_SIZES)
SAID_COLUMNS = (*_CHOICES, *_ORIGIN.values(), *_PLAIN)
_SOURCE, _Z_ORDER, _ATTRIBUTES, _PROVENANCE, _PREDICTED_IOU, _STABILITY_SCORE = (
    SAID_NAMES.index(name)
    for name in ("source", "z_order", "attributes", "provenance", "predicted_iou", "stability_score")
)


@dataclass(slots=True)
class MaskRow:
    """A mask as it is stored; `said` holds what SAID_NAMES name, of which some have a property here."""

    pk: UUID
    image_pk: int
    label_pk: int | None
    counts: str
    bbox: tuple[int, int, int, int]
    area: int
    revision: int
    said: tuple[Any, ...]
    number: int = 0  # in files; given when the mask is written (see numbers.py)

    @property
    def source(self) -> str:
        """Return where the mask came from."""
        return str(self.said[_SOURCE])

    @property
    def z_order(self) -> int:
        """Return the height in the stack; higher masks lie above."""
        return int(self.said[_Z_ORDER])

    @property
    def attributes(self) -> dict[str, object]:
        """Return the answers to the label's questions by name."""
        found: dict[str, object] = self.said[_ATTRIBUTES]
        return found

    @property
    def provenance(self) -> dict[str, object]:
        """Return how the mask was made."""
        found: dict[str, object] = self.said[_PROVENANCE]
        return found

    @property
    def predicted_iou(self) -> float | None:
        """Return the model's own estimate, from 0 to 1."""
        found: float | None = self.said[_PREDICTED_IOU]
        return found

    @property
    def stability_score(self) -> float | None:
        """Return how stable the mask is against the threshold, from 0 to 1."""
        found: float | None = self.said[_STABILITY_SCORE]
        return found


class Chosen(Protocol):
    """What was chosen for an export, as far as a writer needs to know. Numbers are those in files, by a label's id."""

    @property
    def options(self) -> ExportOptions:
        """Return what was asked for."""

    @property
    def project_name(self) -> str:
        """Return what the project is called."""

    @property
    def labels(self) -> Sequence[LabelRow]:
        """Return the labels in their order."""

    @property
    def label_numbers(self) -> Mapping[int, int]:
        """Return the COCO category ids."""

    @property
    def class_numbers(self) -> Mapping[int, int]:
        """Return the class numbers, from 0."""

    @property
    def class_names(self) -> list[str]:
        """Return the labels by class number; a number whose label was deleted keeps its place."""

    @property
    def no_label_number(self) -> int:
        """Return the category id of masks without a label."""

    def has_unlabelled(self) -> bool:
        """Say whether a chosen mask has no label."""
