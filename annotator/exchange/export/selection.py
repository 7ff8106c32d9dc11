"""Read images and masks for an export: a fixed list of images, then chunk by chunk, in short queries.

No read lasts longer than a chunk, so that annotators' saves and SQLite's checkpoints are never held up.
Must not know: formats, files.
"""

import json
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast

from annotator.annotations.mask_fields import OBJECT_SIZES
from annotator.annotations.models import Annotation
from annotator.annotations.selectors import masks_of
from annotator.exchange.base.rows import SAID_COLUMNS, ImageRow, LabelRow, MaskRow
from annotator.exchange.export.file_names import FileNames
from annotator.exchange.export.splits import split_of, split_query
from annotator.exchange.numbers import no_label_number, number_images, number_labels
from annotator.exchange.options import ExportOptions, Filters
from annotator.images.models import Image
from annotator.photos.encoding import name_written_anew
from annotator.projects.models import Label, Project

CHUNK_ROWS = 2000


# JSON columns come as texts: most are empty, and need not be parsed.
MASK_COLUMNS: tuple[str | Cast, ...] = (
    "id", "image_id", "label_id", "counts", "bbox_x", "bbox_y", "bbox_w", "bbox_h", "area", "revision", *SAID_COLUMNS,
    *(Cast(name, TextField()) for name in OBJECT_SIZES),
)  # fmt: skip
_OBJECTS_FROM = len(MASK_COLUMNS) - len(OBJECT_SIZES)
_SAID_FROM = _OBJECTS_FROM - len(SAID_COLUMNS)


class Selection:
    """The images and masks that an export is about."""

    def __init__(self, project: Project, options: ExportOptions) -> None:
        self.project, self.options = project, options
        self.labels = _label_rows(project)
        self.label_numbers = {label.pk: label.number for label in self.labels}
        self.class_numbers = {label.pk: label.class_number for label in self.labels}
        photos = Image.objects.filter(project=project).order_by()
        rows = photos.values_list("name", "sha256", "format", "exif_orientation").iterator(chunk_size=5000)
        self._names = FileNames((self._own_name(name, kind, turned), sha256) for name, sha256, kind, turned in rows)

    @property
    def project_name(self) -> str:
        """Return what the project is called."""
        return self.project.name

    def list_image_ids(self) -> "array[int]":
        """Return the ids of all chosen images in their order, 8 bytes each."""
        rows = self._images().order_by("position", "pk").values_list("pk", "tags").iterator(chunk_size=5000)
        wanted = set(self.options.filters.tags)
        return array("q", (pk for pk, tags in rows if not wanted or wanted & set(tags)))

    def has_unlabelled(self) -> bool:
        """Say whether a chosen mask has no label."""
        return self.masks().filter(label=None, image__project=self.project).exists()

    @cached_property
    def no_label_number(self) -> int:
        """Return the category id of masks without a label."""
        return no_label_number(self.project)

    @property
    def class_names(self) -> list[str]:
        """Return the labels by class number; a number whose label was deleted keeps its place."""
        names = {label.class_number: label.name for label in self.labels}
        return [names.get(number, f"(unused {number})") for number in range(max(names, default=-1) + 1)]

    def load_images(self, ids: Sequence[int], *, are_written: bool = True) -> list[ImageRow]:
        """Return the images with these ids in this order; those deleted meanwhile are left out.

        are_written: they go into a file, so that those without a number get one.
        """
        found = Image.objects.in_bulk(list(ids))
        there = [pk for pk in ids if pk in found]
        numbers = number_images(self.project, there) if are_written else {}
        return [self._image_row(found[pk], numbers.get(pk, 0)) for pk in there]

    def iterate_masks(self, images: Sequence[ImageRow]) -> Iterator[tuple[ImageRow, MaskRow]]:
        """Yield the chosen masks of these images: image by image, lowest mask first.

        Some images at a time are read to their end (see row_pages.py): masks get their numbers in between.
        """
        counts = self.masks().filter(image__in=[image.pk for image in images]).order_by().values_list("image_id")
        sizes = dict(counts.annotate(masks=Count("pk")))
        for run in _ascending_runs([image for image in images if image.pk in sizes], sizes):
            by_pk = {image.pk: image for image in run}
            rows = self.masks().filter(image__in=list(by_pk)).order_by("image_id", "z_order", "created_at", "id")
            for values in list(rows.values_list(*MASK_COLUMNS)):
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
        name, sha256, pk = self._own_name(image.name, image.format, image.exif_orientation), image.sha256, image.pk
        return ImageRow(
            pk=image.pk,
            number=number,
            file_name=self._names.whole(name, sha256=sha256, pk=pk, on_disk=options.images == "copy"),
            stem=self._names.stem(name, sha256=sha256, pk=pk),
            sha256=image.sha256,
            picture=image.picture,
            width=image.width,
            height=image.height,
            exif_orientation=image.exif_orientation,
            format=image.format,
            tags=image.tags,
            split=split_of(image.sha256, image.split, val_ratio=options.val_ratio, test_ratio=options.test_ratio),
            own_split=image.split,
            stage=image.stage,
            work_status=image.work_status,
            is_jpeg_made=name != image.name,
        )

    def _own_name(self, name: str, kind: str, exif_orientation: int) -> str:
        """Return the owner's name of a photo, with another ending where it has to become another kind of file."""
        options = self.options
        is_written_anew = options.images == "copy" and (exif_orientation != 1 or options.shortest_side_px is not None)
        return name_written_anew(name, kind) if is_written_anew else name


def mask_row(values: tuple[Any, ...]) -> MaskRow:
    """Return the row of one tuple of MASK_COLUMNS."""
    pk, image, label, counts, x, y, w, h, area, revision = values[:_SAID_FROM]
    said = (*values[_SAID_FROM:_OBJECTS_FROM], *map(_object_in, values[_OBJECTS_FROM:]))
    return MaskRow(pk, image, label, counts, (x, y, w, h), area, revision, said)


def _object_in(text: str) -> dict[str, object]:
    found: dict[str, object] = {} if text == "{}" else json.loads(text)
    return found


def _ascending_runs(images: Sequence[ImageRow], sizes: Mapping[int, int]) -> Iterator[list[ImageRow]]:
    """Cut the images where their ids fall, so that a query in the order of ids gives them in this order.

    A run holds as many masks (`sizes`, by image) as are read at once, or one image.
    """
    run: list[ImageRow] = []
    count = 0
    for image in images:
        if run and (image.pk < run[-1].pk or count + sizes[image.pk] > CHUNK_ROWS):
            yield run
            run, count = [], 0
        run.append(image)
        count += sizes[image.pk]
    if run:
        yield run


def _label_rows(project: Project) -> list[LabelRow]:
    numbers = number_labels(project)
    return [
        LabelRow(
            label.pk,
            numbers[label.pk].number,
            numbers[label.pk].class_number,
            numbers[label.pk].supercategory,
            label.name,
            label.color,
            label.key,
            label.attributes,
        )
        for label in Label.objects.filter(project=project).order_by("position", "pk")
        if label.pk in numbers
    ]


def _mask_query(filters: Filters) -> Q:
    query = masks_of(
        labels=filters.labels,
        authors=filters.authors,
        created_from=filters.created_from,
        created_before=filters.created_before,
    )
    return query & Q(stage__in=filters.stages) if filters.stages else query
