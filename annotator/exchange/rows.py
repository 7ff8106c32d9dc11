"""Read images and masks for an export: a fixed list of images, then chunk by chunk, in short queries.

No read lasts longer than a chunk, so that annotators' saves and SQLite's checkpoints are never held up.
Must not know: formats, files.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from annotator.annotations.models import Annotation
from annotator.exchange.options import ExportOptions, Filters
from annotator.exchange.splits import split_of, split_query
from annotator.images.models import Image
from annotator.projects.models import Label, Project

CHUNK_ROWS = 500


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label and its number in files, from 1; 0 stands for masks without one."""

    pk: int
    number: int
    name: str
    color: str
    key: str
    attributes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A photo and its number in files, from 1; `file_name` is unique in the project up to its ending."""

    pk: int
    number: int
    file_name: str
    sha256: str
    width: int
    height: int
    exif_orientation: int
    format: str
    tags: list[str]
    split: str
    own_split: str
    stage: str
    work_status: str

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width)."""
        return self.height, self.width

    @property
    def stem(self) -> str:
        """Return the file name without its ending."""
        return stem_of(self.file_name)


@dataclass(slots=True)
class MaskRow:
    """A mask as it is stored."""

    pk: UUID
    image_pk: int
    label_pk: int | None
    counts: str
    bbox: tuple[int, int, int, int]
    area: int
    source: str
    state: str
    predicted_iou: float | None
    stability_score: float | None
    provenance: dict[str, Any]
    attributes: dict[str, Any]
    z_order: int
    is_locked: bool
    revision: int
    author: str
    stage: str
    model_version: str
    active_ms: int


MASK_COLUMNS = (
    "id", "image_id", "label_id", "counts", "bbox_x", "bbox_y", "bbox_w", "bbox_h", "area", "source", "state",
    "predicted_iou", "stability_score", "provenance", "attributes", "z_order", "is_locked", "revision",
    "author__username", "stage", "model_version__version", "active_ms",
)  # fmt: skip


class Selection:
    """The images and masks that an export is about."""

    def __init__(self, project: Project, options: ExportOptions) -> None:
        self.project, self.options = project, options
        self.labels = [
            LabelRow(label.pk, number, label.name, label.color, label.key, label.attributes)
            for number, label in enumerate(Label.objects.filter(project=project).order_by("position", "pk"), 1)
        ]
        self.label_numbers = {label.pk: label.number for label in self.labels}
        self._twins = _twin_stems(project)

    def list_image_ids(self) -> "array[int]":
        """Return the ids of all chosen images in their order, 8 bytes each."""
        rows = self._images().order_by("position", "pk").values_list("pk", "tags").iterator(chunk_size=5000)
        wanted = set(self.options.filters.tags)
        return array("q", (pk for pk, tags in rows if not wanted or wanted & set(tags)))

    def has_unlabelled(self) -> bool:
        """Say whether a chosen mask has no label."""
        return self.masks().filter(label=None, image__project=self.project).exists()

    def load_images(self, ids: Sequence[int], *, first_number: int) -> list[ImageRow]:
        """Return the images with these ids in this order; those deleted meanwhile are left out."""
        found = Image.objects.in_bulk(list(ids))
        return [self._image_row(found[pk], first_number + i) for i, pk in enumerate(ids) if pk in found]

    def iterate_masks(self, images: Sequence[ImageRow]) -> Iterator[tuple[ImageRow, MaskRow]]:
        """Yield the chosen masks of these images: image by image, lowest mask first."""
        for run in _ascending_runs(images):
            by_pk = {image.pk: image for image in run}
            rows = self.masks().filter(image__in=list(by_pk)).order_by("image_id", "z_order", "created_at", "id")
            for values in rows.values_list(*MASK_COLUMNS).iterator(chunk_size=CHUNK_ROWS):
                yield by_pk[values[1]], mask_row(values)

    def masks(self) -> QuerySet[Annotation]:
        """Return the chosen masks, of any image."""
        filters = self.options.filters
        rows = Annotation.objects.filter(_mask_query(filters), deleted_at=None)
        return rows.filter(state__in=filters.states) if filters.states else rows

    def _images(self) -> QuerySet[Image]:
        filters = self.options.filters
        rows = Image.objects.filter(project=self.project)
        if filters.work_statuses:
            rows = rows.filter(work_status__in=filters.work_statuses)
        if filters.splits:
            ratios = {"val_ratio": self.options.val_ratio, "test_ratio": self.options.test_ratio}
            rows = rows.filter(split_query(list(filters.splits), **ratios))
        if filters.only_annotated:
            rows = rows.filter(Exists(self.masks().filter(image=OuterRef("pk"))))
        return rows

    def _image_row(self, image: Image, number: int) -> ImageRow:
        options = self.options
        return ImageRow(
            pk=image.pk,
            number=number,
            file_name=self._unique_name(image),
            sha256=image.sha256,
            width=image.width,
            height=image.height,
            exif_orientation=image.exif_orientation,
            format=image.format,
            tags=image.tags,
            split=split_of(image.sha256, image.split, val_ratio=options.val_ratio, test_ratio=options.test_ratio),
            own_split=image.split,
            stage=image.stage,
            work_status=image.work_status,
        )

    def _unique_name(self, image: Image) -> str:
        stem = stem_of(image.name)
        if stem.casefold() not in self._twins:
            return image.name
        return f"{stem}-{image.sha256[:8]}{image.name[len(stem) :]}"


def mask_row(values: tuple[Any, ...]) -> MaskRow:
    """Return the row of one tuple of MASK_COLUMNS."""
    pk, image, label, counts, x, y, w, h, *rest = values
    row = MaskRow(pk, image, label, counts, (x, y, w, h), *rest)
    row.author, row.model_version = row.author or "", row.model_version or ""
    return row


def _ascending_runs(images: Sequence[ImageRow]) -> Iterator[list[ImageRow]]:
    """Cut the images where their ids fall, so that a query in the order of ids gives them in this order."""
    run: list[ImageRow] = []
    for image in images:
        if run and image.pk < run[-1].pk:
            yield run
            run = []
        run.append(image)
    if run:
        yield run


def stem_of(name: str) -> str:
    """Return a file name without its ending; a name that only starts with a dot has none."""
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name


def _mask_query(filters: Filters) -> Q:
    query = Q()
    if filters.labels:
        query &= Q(label__in=filters.labels) | (Q(label=None) if 0 in filters.labels else Q(pk__in=[]))
    if filters.authors:
        query &= Q(author__in=filters.authors)
    if filters.stages:
        query &= Q(stage__in=filters.stages)
    if filters.created_from:
        query &= Q(created_at__gte=filters.created_from)
    if filters.created_before:
        query &= Q(created_at__lt=filters.created_before)
    return query


def _twin_stems(project: Project) -> set[str]:
    """Return the stems (case folded) that more than one image has: a.jpg and A.png would meet in a.json."""
    seen: set[str] = set()
    twins: set[str] = set()
    names = Image.objects.filter(project=project).order_by().values_list("name", flat=True)
    for name in names.iterator(chunk_size=5000):
        stem = stem_of(name).casefold()
        (twins if stem in seen else seen).add(stem)
    return twins
