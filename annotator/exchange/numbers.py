"""The numbers that labels, photos and masks carry in exported files: given once, kept for ever, never given twice.

What came in with a number goes out with it; everything else gets the next free one the first time it is exported.
Numbers are a project's own, so its splits and parts never share one. A counter's row is locked while numbers are
given, together with the rows that keep them, so that two exports never give one number twice.
Must not know: formats, files.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from annotator.exchange.models import ImageNumbers, LabelNumbers, NumberCounter
from annotator.images.models import Image
from annotator.projects.models import Label, Project

HIGHEST = 2**53 - 1  # the largest whole number that every JSON reader keeps
HIGHEST_CLASS = 9_999  # a class list has a line for every number up to the last
_RECORD = struct.Struct("<16sq")
Kind = NumberCounter.Kind
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LabelNumber:
    """What a label is called in files: the category id, the class number from 0, and the category above it."""

    number: int
    class_number: int
    supercategory: str


def number_labels(project: Project) -> dict[int, LabelNumber]:
    """Return the numbers of all labels by their id; those without get the next free ones."""
    labels = Label.objects.filter(project=project).order_by("position", "pk")
    known = {row.label_id: row for row in LabelNumbers.objects.filter(project=project)}
    if any(pk not in known or not known[pk].is_complete for pk in labels.values_list("pk", flat=True)):
        known = _complete_labels(project, [label.pk for label in labels])
    return {
        pk: LabelNumber(int(row.number or 0), int(row.class_number or 0), row.supercategory)
        for pk, row in known.items()
    }


def no_label_number(project: Project) -> int:
    """Return the category id that stands for masks without a label."""
    with transaction.atomic():
        counter = _locked(project.pk, Kind.NO_LABEL)
        if counter.next == 0:
            counter.next = _take(_locked(project.pk, Kind.LABEL), 1)
            counter.save(update_fields=["next"])
        return counter.next


def adopt_label(label: Label, *, number: int | None, class_number: int | None, supercategory: str) -> bool:
    """Give a label the numbers of a file where it has none and they are free; say whether it carries them now."""
    with transaction.atomic():
        _locked(label.project_id, Kind.LABEL)
        _locked(label.project_id, Kind.CLASS)
        row, _ = LabelNumbers.objects.get_or_create(label=label, defaults={"project_id": label.project_id})
        others = LabelNumbers.objects.filter(project=label.project_id).exclude(label=label)
        if row.number is None and _is_free(others, "number", number, HIGHEST):
            row.number = number
            _raise_above(label.project_id, Kind.LABEL, int(number or 0))
        if row.class_number is None and _is_free(others, "class_number", class_number, HIGHEST_CLASS):
            row.class_number = class_number
            _raise_above(label.project_id, Kind.CLASS, int(class_number or 0))
        row.supercategory = row.supercategory or supercategory
        row.save()
    return number in (None, row.number) and class_number in (None, row.class_number)


def number_images(project: Project, image_pks: Sequence[int]) -> dict[int, int]:
    """Return the numbers of these photos; those without get the next free ones, in the order given."""
    known = _image_numbers(project, image_pks)
    if all(known.get(pk) is not None for pk in image_pks):
        return {pk: int(known[pk] or 0) for pk in image_pks}
    with transaction.atomic():
        counter = _locked(project.pk, Kind.IMAGE)
        known = _image_numbers(project, image_pks)
        missing = [pk for pk in image_pks if known.get(pk) is None]
        first = _take(counter, len(missing))
        given = {pk: first + place for place, pk in enumerate(missing)}
        _keep_image_numbers(project, _without_deleted(given, known), known)
    return {pk: int(given[pk] if pk in given else known[pk] or 0) for pk in image_pks}


def adopt_images(project: Project, wishes: Mapping[int, int]) -> int:
    """Give photos (id -> number) the numbers of a file; return how many keep another, having one or it being taken."""
    usable = {pk: number for pk, number in wishes.items() if 0 <= number <= HIGHEST}
    with transaction.atomic():
        _locked(project.pk, Kind.IMAGE)
        known = _image_numbers(project, list(wishes))
        rows = ImageNumbers.objects.filter(project=project, number__in=set(usable.values()))
        taken = set(rows.values_list("number", flat=True))
        given: dict[int, int] = {}
        for pk, number in usable.items():
            if known.get(pk) is None and number not in taken:
                given[pk] = number
                taken.add(number)
        _keep_image_numbers(project, given, known)
        if given:
            _raise_above(project.pk, Kind.IMAGE, max(given.values()))
    return sum(given.get(pk, known.get(pk)) != number for pk, number in wishes.items())


def number_masks(project: Project, masks: Mapping[int, Sequence[bytes]]) -> dict[bytes, int]:
    """Return the numbers of masks; those without get the next free ones, in the order given.

    masks: the 16 bytes of each mask's id, by photo; numbers of a photo that was deleted meanwhile are not kept.
    """
    known, _ = _mask_numbers(ImageNumbers.objects.all(), masks)
    if known.keys() >= {pk for pks in masks.values() for pk in pks}:
        return known
    with transaction.atomic():
        counter = _locked(project.pk, Kind.MASK)
        known, rows = _mask_numbers(ImageNumbers.objects.select_for_update(no_key=True), masks)
        missing = {image: [pk for pk in pks if pk not in known] for image, pks in masks.items()}
        number = _take(counter, sum(len(pks) for pks in missing.values()))
        given: dict[int, dict[bytes, int]] = {}
        for image, pks in missing.items():
            given[image] = dict(zip(pks, count(number), strict=False))
            number += len(pks)
        _keep_mask_numbers(project, _without_deleted(given, rows), rows)
    for numbers in given.values():
        known |= numbers
    return known


def keep_masks(project: Project, numbers: Mapping[int, Mapping[UUID, int]]) -> None:
    """Note the numbers that masks came in with, by photo; the caller knows that they are free."""
    with transaction.atomic():
        rows = {
            row.image_id: row
            for row in ImageNumbers.objects.select_for_update(no_key=True).filter(image__in=list(numbers))
        }
        by_bytes = {image: {pk.bytes: number for pk, number in given.items()} for image, given in numbers.items()}
        _keep_mask_numbers(project, by_bytes, rows)


def reserve_masks(project: Project, highest: int) -> None:
    """See to it that no mask gets a number up to this one any more, but from the file that an import reads."""
    with transaction.atomic():
        _locked(project.pk, Kind.MASK)
        _raise_above(project.pk, Kind.MASK, highest)


def used_mask_numbers(project: Project) -> Iterable[int]:
    """Yield every number that a mask of the project carries, deleted masks included."""
    for blob in ImageNumbers.objects.filter(project=project).values_list("masks", flat=True).iterator(chunk_size=500):
        for _, number in _RECORD.iter_unpack(bytes(blob)):
            yield number


def _complete_labels(project: Project, pks: Sequence[int]) -> dict[int, LabelNumbers]:
    with transaction.atomic():
        labels, classes = _locked(project.pk, Kind.LABEL), _locked(project.pk, Kind.CLASS)
        known = {row.label_id: row for row in LabelNumbers.objects.filter(project=project)}
        for pk in pks:
            row = known.get(pk) or LabelNumbers(label_id=pk, project=project)
            if row.is_complete:
                continue
            row.number = _take(labels, 1) if row.number is None else row.number
            row.class_number = _take(classes, 1) if row.class_number is None else row.class_number
            row.save()
            known[pk] = row
    return known


def _image_numbers(project: Project, image_pks: Sequence[int]) -> dict[int, int | None]:
    rows = ImageNumbers.objects.filter(project=project, image__in=image_pks)
    return dict(rows.values_list("image_id", "number"))


def _keep_image_numbers(project: Project, given: Mapping[int, int], known: Mapping[int, int | None]) -> None:
    new = [ImageNumbers(image_id=pk, project=project, number=number) for pk, number in given.items() if pk not in known]
    ImageNumbers.objects.bulk_create(new)
    for pk, number in given.items():
        if pk in known:
            ImageNumbers.objects.filter(image=pk).update(number=number)


def _mask_numbers(
    kept: QuerySet[ImageNumbers], masks: Mapping[int, Sequence[bytes]]
) -> tuple[dict[bytes, int], dict[int, ImageNumbers]]:
    rows = {row.image_id: row for row in kept.filter(image__in=list(masks))}
    return dict(record for row in rows.values() for record in _RECORD.iter_unpack(bytes(row.masks))), rows


def _without_deleted(given: Mapping[int, T], rows: Mapping[int, Any]) -> dict[int, T]:
    """Leave out what is given to photos that have no row of numbers yet and are gone."""
    unknown = [image for image in given if image not in rows]
    there = set(Image.objects.filter(pk__in=unknown).values_list("pk", flat=True)) if unknown else set()
    return {image: value for image, value in given.items() if image in rows or image in there}


def _keep_mask_numbers(
    project: Project, given: Mapping[int, Mapping[bytes, int]], rows: Mapping[int, ImageNumbers]
) -> None:
    kept: list[ImageNumbers] = []
    for image, numbers in given.items():
        if not numbers:
            continue
        row = rows.get(image) or ImageNumbers(image_id=image, project=project)
        row.masks = bytes(row.masks) + b"".join(_RECORD.pack(*record) for record in numbers.items())
        kept.append(row)
    # One statement for new rows and old ones; bulk_update takes five times as long for what it is.
    ImageNumbers.objects.bulk_create(kept, update_conflicts=True, unique_fields=["image"], update_fields=["masks"])


def _is_free(others: QuerySet[LabelNumbers], field: str, number: int | None, highest: int) -> bool:
    return number is not None and 0 <= number <= highest and not others.filter(**{field: number}).exists()


def _locked(project_pk: int, kind: NumberCounter.Kind) -> NumberCounter:
    counter, _ = NumberCounter.objects.select_for_update(no_key=True).get_or_create(
        project_id=project_pk, kind=kind, defaults={"next": 0 if kind in (Kind.CLASS, Kind.NO_LABEL) else 1}
    )
    return counter


def _take(counter: NumberCounter, count: int) -> int:
    """Return the first of `count` numbers that nothing had before; the counter's row is locked."""
    first = counter.next
    counter.next += count
    counter.save(update_fields=["next"])
    return first


def _raise_above(project_pk: int, kind: NumberCounter.Kind, number: int) -> None:
    NumberCounter.objects.filter(project=project_pk, kind=kind, next__lte=number).update(next=number + 1)
