"""Which photo of the project an image of the file is: by content, by a photo that came along, by name.

`PhotoMatcher` only looks, unless it may add the photos that the file brings. Labels are matched by name.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from annotator.accounts.models import User
from annotator.exchange.importers.base import FileCategory, FileImage
from annotator.exchange.importers.ledger import KnownImage
from annotator.exchange.importers.source import BrokenFileError, Source
from annotator.exchange.options import ImportOptions
from annotator.exchange.rows import stem_of
from annotator.images.models import Image
from annotator.intake.services import take_photo
from annotator.photos.naming import display_name
from annotator.projects.models import Label, Project
from annotator.projects.schemas import LabelAttribute
from annotator.projects.services import create_label

SKIP = -1
_COLOR_LENGTH = 7


class PhotoMatcher:
    """Finds the photos of one project."""

    def __init__(self, project: Project, source: Source, options: ImportOptions, user: User | None) -> None:
        self._project, self._source, self._options, self._user = project, source, options, user

    def match(self, images: Sequence[FileImage], *, may_add: bool) -> list[tuple[KnownImage, str]]:
        """Return, for each image, the photo and what happens: matched, added, unknown or refused."""
        rows = Image.objects.filter(project=self._project)
        hashes = {image.sha256 for image in images if image.sha256}
        by_hash = {row.sha256: row for row in rows.filter(sha256__in=hashes)}
        by_name = self._by_name(images)
        return [self._match_one(image, by_hash, by_name, may_add=may_add) for image in images]

    def _match_one(
        self, image: FileImage, by_hash: dict[str, Image], by_name: dict[str, list[Image]], *, may_add: bool
    ) -> tuple[KnownImage, str]:
        if image.sha256 in by_hash:
            return _checked(image, by_hash[image.sha256])
        entry = self._source.find_photo(image.file_name) if self._options.add_images else None
        if entry is not None:
            if not may_add:
                return KnownImage(image.key, None, image.height or 0, image.width or 0), "added"
            return self._add(image, entry)
        named = by_name.get(display_name(image.file_name), [])
        if len(named) == 1:
            return _checked(image, named[0])
        reason = f"{len(named)} photos are called {image.file_name}" if named else f"no photo is {image.file_name}"
        return KnownImage(image.key, None, 0, 0, problem=reason), "unknown"

    def _add(self, image: FileImage, entry: Any) -> tuple[KnownImage, str]:
        try:
            with self._source.open(entry) as file:
                import tempfile

                with tempfile.TemporaryFile() as copy:
                    _copy(file, copy)
                    answer = take_photo(self._project, copy, name=image.file_name, user=self._user)
        except BrokenFileError as error:
            return KnownImage(image.key, None, 0, 0, problem=str(error)), "refused"
        if answer["image_id"] is None:
            return KnownImage(image.key, None, 0, 0, problem=f"the photo was refused: {answer['message']}"), "refused"
        row = Image.objects.get(pk=answer["image_id"])
        if answer["status"] != "added":
            return _checked(image, row)
        if image.tags or image.split:
            row.tags, row.split = image.tags, image.split
            row.save(update_fields=["tags", "split"])
        return _checked(image, row)[0], "added"

    def _by_name(self, images: Sequence[FileImage]) -> dict[str, list[Image]]:
        """Return photos by exact name; a name without an ending stands for any ending."""
        names = {display_name(image.file_name) for image in images}
        query = Q(name__in=names)
        for name in names:
            if stem_of(name) == name:
                query |= Q(name__startswith=f"{name}.")
        found: dict[str, list[Image]] = {}
        for row in Image.objects.filter(query, project=self._project):
            for key in {row.name, stem_of(row.name)} & names:
                found.setdefault(key, []).append(row)
        return found


def _checked(image: FileImage, row: Image) -> tuple[KnownImage, str]:
    if (image.width or row.width) == row.width and (image.height or row.height) == row.height:
        return KnownImage(image.key, row.pk, row.height, row.width), "matched"
    said = f"{image.width} x {image.height}"
    reason = f"{row.name} is {row.width} x {row.height} upright, the file says {said}"
    return KnownImage(image.key, row.pk, row.height, row.width, problem=reason), "refused"


class LabelMatcher:
    """Says which label a category becomes: a label's id, None for no label, or SKIP; makes new ones when told to."""

    def __init__(self, project: Project, options: ImportOptions) -> None:
        self._project, self._options = project, options
        self._labels = {label.name.casefold(): label for label in Label.objects.filter(project=project)}
        self._ids = {label.pk for label in self._labels.values()}
        self.default = options.default_label if options.default_label in self._ids else None

    def propose(self, category: FileCategory) -> dict[str, Any]:
        """Return {name, becomes, label_id} for the preview; becomes: label, new, none or skip."""
        wish = self._options.label_map.get(category.name)
        if wish == "skip" or wish == "none" or (wish is None and category.is_no_label):
            return {"becomes": "skip" if wish == "skip" else "none", "label_id": None}
        if isinstance(wish, int) and wish in self._ids:
            return {"becomes": "label", "label_id": wish}
        label = None if wish == "new" else self._labels.get(category.name.casefold())
        return {"becomes": "label" if label else "new", "label_id": label.pk if label else None}

    def decide(self, category: FileCategory) -> int | None:
        """Return the label's id, None or SKIP; makes the label where it is new."""
        proposal = self.propose(category)
        if proposal["becomes"] == "skip":
            return SKIP
        if proposal["becomes"] == "new":
            existing = self._labels.get(category.name.casefold())
            label = existing or create_label(self._project, fields=self._fields(category))
            self._labels[category.name.casefold()] = label
            return int(label.pk)
        label_id: int | None = proposal["label_id"]
        return label_id

    def _fields(self, category: FileCategory) -> dict[str, Any]:
        taken = {label.key for label in self._labels.values()}
        key = category.shortcut if category.shortcut in set("123456789") - taken else ""
        return {
            "name": category.name,
            "color": category.color if _is_color(category.color) else None,
            "key": key,
            "attributes": [attribute for attribute in category.attributes if _is_attribute(attribute)],
        }


def _is_color(text: str) -> bool:
    return len(text) == _COLOR_LENGTH and text[0] == "#" and all(c in "0123456789abcdefABCDEF" for c in text[1:])


def _is_attribute(value: Any) -> bool:
    try:
        LabelAttribute.model_validate(value)
    except ValueError:
        return False
    return True


def _copy(source: Any, target: Any) -> None:
    while chunk := source.read(1 << 20):
        target.write(chunk)
