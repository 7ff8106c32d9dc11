"""The first pass of an import: labels decided, photos matched and, when told to, taken in; everything noted on disk.

Matching never writes. Only when all images of the file are known, and no two of them claim one photo, are the photos
that the file brings taken in. Must not know: masks, formats.
"""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import IO

from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.exchange.base.reading import FileCategory, FileImage, Problem, Reader
from annotator.exchange.files.source import BrokenFileError, Source
from annotator.exchange.import_.label_matching import SKIP, LabelMatcher
from annotator.exchange.import_.ledger import KnownImage, Ledger
from annotator.exchange.import_.photo_matching import PhotoMatcher, size_words
from annotator.exchange.import_.report import ImportReport
from annotator.exchange.numbers import adopt_images
from annotator.exchange.options import ImportOptions
from annotator.images.models import Image
from annotator.intake.services import take_photo
from annotator.photos.decoding import open_photo
from annotator.photos.errors import PhotoRefusedError
from annotator.projects.models import Project

IMAGES_AT_ONCE = 200
MAX_CATEGORIES = 10_000
Refuse = Callable[[Problem], None]


@dataclass(frozen=True, slots=True)
class Places:
    """Where an import reads from and writes to."""

    project: Project
    user: User | None
    source: Source
    options: ImportOptions
    reader: Reader
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class _About:
    """What the ledger keeps of an image of the file until its photo is there."""

    file_name: str
    path: str
    number: int | None
    tags: list[str]
    split: str

    @classmethod
    def from_file(cls, image: FileImage) -> "_About":
        return cls(image.file_name, image.project_path, image.number, image.tags, image.split)

    @classmethod
    def of(cls, image: KnownImage) -> "_About":
        return cls(**json.loads(image.about))

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


class Outline:
    """Goes through a file once. `labels` says what each category of the file has become."""

    def __init__(self, places: Places, report: ImportReport, *, refuse: Refuse, on_beat: Callable[[], None]) -> None:
        self._at, self._report, self._refuse, self._on_beat = places, report, refuse, on_beat
        self._names: dict[str, str] = {}
        self.labels: dict[str, int | None] = {}

    def read(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield what the reader says, with a sign of life at each."""
        for item in self._at.reader.outline():
            self._on_beat()
            yield item

    def go_through(self, *, may_add: bool) -> None:
        """Fill the ledger with images and decide about labels; with may_add, also make labels and take photos in."""
        at = self._at
        at.ledger.clear_images()
        labels = LabelMatcher(at.project, at.options, by=at.user)
        photos = PhotoMatcher(at.project, at.source, at.options)
        waiting: list[FileImage] = []
        self._note_source()
        for item in self.read():
            if isinstance(item, Problem):
                self._refuse(item)
            elif isinstance(item, FileCategory):
                self._decide_label(item, labels, may_add=may_add)
            else:
                waiting.append(item)
                if len(waiting) >= IMAGES_AT_ONCE:
                    self._match_images(waiting, photos)
                    waiting = []
        self._match_images(waiting, photos)
        at.ledger.keep("masks", at.reader.mask_count)
        self._refuse_claims()
        for images in at.ledger.image_chunks(IMAGES_AT_ONCE):
            self._settle(images, may_add=may_add)

    def _note_source(self) -> None:
        for name, reason in self._at.source.left_out:
            self._refuse(Problem(name, "entry_left_out", reason))
        if self._at.source.names_hint:
            self._report.note("names_not_utf8", self._at.source.names_hint)

    def _decide_label(self, category: FileCategory, labels: LabelMatcher, *, may_add: bool) -> None:
        if category.key in self.labels:
            self._refuse(Problem(category.name, "double_id", _("Its id is in the file more than once.")))
            return
        if len(self.labels) >= MAX_CATEGORIES:
            raise BrokenFileError(
                _("The file has more than %(max_categories)s categories.") % {"max_categories": f"{MAX_CATEGORIES:,}"}
            )
        proposal, alike = labels.propose(category)
        if category.name in self._names:
            self._report.note("categories_of_one_name", category.name)
        if alike:
            self._report.note("labels_alike", f"{category.name} / {' / '.join(alike)}")
        self._names[category.name] = category.key
        entry = {"key": category.key, "name": category.name, "count": 0, **asdict(proposal), "alike": alike}
        self._report.categories.append(entry)
        if not may_add:
            self.labels[category.key] = SKIP if proposal.becomes == "skip" else proposal.label_id
            return
        pk, keeps_numbers = labels.decide(category)
        self.labels[category.key] = pk
        self._report.categories[-1]["label_id"] = None if pk == SKIP else pk
        if not keeps_numbers:
            self._report.note("label_numbers_changed", category.name)

    def _match_images(self, images: list[FileImage], photos: PhotoMatcher) -> None:
        known: list[KnownImage] = []
        for image, match in zip(images, photos.match(images), strict=True):
            self._report.images[match.what] += 1
            known.append(replace(match.image, about=_About.from_file(image).to_json()))
            if match.image.problem:
                self._refuse(Problem(image.file_name, f"image_{match.what}", match.image.problem))
                if image.has_photo_inside:
                    self._report.note("photos_in_json", image.file_name)
        for key in self._at.ledger.add_images(known):
            self._refuse(Problem(f"image id {key[:60]}", "double_id", _("Its id is in the file more than once.")))

    def _refuse_claims(self) -> None:
        """Refuse all images that mean one photo, but for one whose name alone fits better than the others'."""
        at = self._at
        for claimants in at.ledger.claimed_twice():
            has_best = claimants[0].rank < claimants[1].rank
            names = [_About.of(image).file_name for image in claimants]
            for image in claimants[1:] if has_best else claimants:
                name = _About.of(image).file_name
                if image.pk is not None and image.entry:  # its content alone is alike: it is a photo of its own
                    at.ledger.part_from(image.key)
                    self._report.images["matched"] -= 1
                    self._report.images["added"] += 1
                    continue
                others = ", ".join(other for other in dict.fromkeys(names) if other != name) or name
                reason = _("%(name)s and %(others)s in the file would become one photo")
                reason %= {"name": name, "others": others}
                self._drop(image, name, reason)

    def _drop(self, image: KnownImage, name: str, reason: str) -> None:
        self._report.images["added" if image.entry and image.pk is None else "matched"] -= 1
        self._report.images["refused"] += 1
        self._at.ledger.note_gone(image.key, reason)
        self._refuse(Problem(name, "image_refused", reason))

    def _settle(self, images: list[KnownImage], *, may_add: bool) -> None:
        """Take in the photos that the file brings, give photos the file's numbers, and tell the reader their sizes."""
        numbers: dict[int, int] = {}
        for image in images:
            if image.problem:
                continue
            about = _About.of(image)
            if image.entry and image.pk is not None:
                row = Image.objects.get(pk=image.pk)
                self._report.note("photos_by_content", f"{about.file_name} is {row.name} here")
            is_new = bool(image.entry) and image.pk is None
            settled = self._take_in(image, about) if is_new and may_add else self._sized(image, about)
            if settled is None:
                continue
            if settled.pk is not None and about.number is not None:
                numbers[settled.pk] = about.number
            if may_add and not is_new and about.split and settled.pk is not None:
                Image.objects.filter(pk=settled.pk, split="").update(split=about.split)
            if settled.height:
                self._at.reader.use_size(settled.key, (settled.height, settled.width))
        if may_add and numbers:
            changed = adopt_images(self._at.project, numbers)
            for _ in range(changed):
                self._report.note("image_numbers_changed")

    def _take_in(self, image: KnownImage, about: _About) -> KnownImage | None:
        """Add the photo that the file brings; None where it is refused."""
        self._on_beat()
        entry = self._at.source.find(image.entry)
        try:
            if entry is None:
                raise BrokenFileError(_("%(name)s is gone.") % {"name": image.entry})
            with self._at.source.open(entry) as file, tempfile.TemporaryFile() as copy:
                _copy(file, copy)
                answer = take_photo(self._at.project, copy, name=about.path, user=self._at.user, longer_name=entry.path)
        except BrokenFileError as error:
            self._drop(image, about.file_name, str(error))
            return None
        if answer["image_id"] is None:
            self._drop(image, about.file_name, _("the photo was refused: %(reason)s") % {"reason": answer["message"]})
            return None
        row = Image.objects.get(pk=answer["image_id"])
        if image.height and (image.height, image.width) != (row.height, row.width):
            self._drop(image, about.file_name, size_words(row, image.width, image.height))
            return None
        if answer["code"] in {"renamed", "same_content"}:
            self._report.note(f"photos_{answer['code']}", answer["message"])
        if answer["status"] == "added" and (about.tags or about.split):
            row.tags, row.split = about.tags, about.split
            row.save(update_fields=["tags", "split"])
        self._at.ledger.settle(image.key, pk=row.pk, height=row.height, width=row.width)
        return replace(image, pk=row.pk, height=row.height, width=row.width)

    def _sized(self, image: KnownImage, about: _About) -> KnownImage | None:
        """Return the image with the size of its photo, read from the file's own photo where nothing says it."""
        is_unsized = bool(image.entry) and image.pk is None and not image.height
        entry = self._at.source.find(image.entry) if is_unsized else None
        if entry is None:
            return image
        try:
            with self._at.source.open(entry) as file, open_photo(file) as (_, facts):
                self._at.ledger.settle(image.key, pk=None, height=facts.height, width=facts.width)
                return replace(image, height=facts.height, width=facts.width)
        except (BrokenFileError, PhotoRefusedError) as error:
            self._drop(image, about.file_name, _("the photo was refused: %(reason)s") % {"reason": error})
            return None


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while chunk := source.read(1 << 20):
        target.write(chunk)
