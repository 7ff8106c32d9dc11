"""One import, from the first look to the last mask, in steps that can be broken off anywhere.

`preview` reads everything and writes nothing. `steps` first goes through the whole file, so that one which is cut off
or broken is refused before anything is written; then it matches labels and photos, and takes the masks in batches.
How far it is stands in a ledger in the run's folder; without the ledger it starts again and writes the same rows.
"""

import json
import time
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.db.models import QuerySet
from django.utils import timezone

from annotator.annotations.models import Annotation
from annotator.exchange.batches import next_batch
from annotator.exchange.csv_lines import csv_line
from annotator.exchange.import_batch import BatchContext, RunFacts, check_batch, write_batch
from annotator.exchange.import_report import CSV_HEAD, ImportReport
from annotator.exchange.importers import READERS
from annotator.exchange.importers.base import FileCategory, FileImage, Problem, Reader
from annotator.exchange.importers.ledger import KnownImage, Ledger, mask_digest
from annotator.exchange.importers.source import BrokenFileError, Source
from annotator.exchange.matching import SKIP, LabelMatcher, PhotoMatcher
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.options import ImportOptions
from annotator.exchange.packages import GrowingFile
from annotator.images.models import Image
from annotator.projects.models import Label

MASKS_PER_STEP = 500
BEAT_SECONDS = 10.0
IMAGES_AT_ONCE = 200
MAX_CATEGORIES = 10_000
ROWS_FILE = "rows_not_taken.csv"
Step = Callable[[], None]


class ImportRun:
    """Takes the file at `path` into the row's project."""

    def __init__(self, row: ImportRow, path: Path, folder: Path, *, on_beat: Callable[[], None] = lambda: None) -> None:
        """`on_beat` is called every few seconds of long steps; what it raises breaks the run off."""
        folder.mkdir(parents=True, exist_ok=True)
        self._row, self._folder = row, folder
        self._project, self._options = row.project, ImportOptions.model_validate(row.options)
        self._source = Source(path)
        self._reader = open_reader(self._source, self._options.format)
        self._ledger = Ledger(folder / "ledger.sqlite3")
        self._started_at = row.started_at or timezone.now()
        self._facts = RunFacts(row.pk, self._started_at, row.created_by_id)
        self._labels: dict[str, int | None] = {}
        self._label_counts: dict[str, int] = {}
        self._table: IO[bytes] | None = None
        self._on_beat, self._beaten_at = on_beat, time.monotonic()
        self.report = self._load_report()

    @property
    def progress(self) -> tuple[int, int]:
        """Return masks read and masks in all."""
        return self._ledger.read, max(self._ledger.fact("masks"), self._ledger.read)

    @property
    def rows_file(self) -> Path:
        """Return the table of the rows not taken."""
        return self._folder / ROWS_FILE

    def close(self) -> None:
        """Close all files."""
        self._source.close()
        self._ledger.close()

    def preview(self, on_step: Callable[[int], bool] = lambda _read: True) -> dict[str, Any] | None:
        """Return what an import would do, or None when on_step(masks read) said to stop."""
        self._go_through(may_add=False)
        self._load_stored()
        context, masks = self._context(), enumerate(self._reader.masks())
        while batch := next_batch(masks, at_most=MASKS_PER_STEP):
            self._ledger.begin()
            _, problems = check_batch(batch, context)
            self._ledger.commit(batch[-1][0] + 1)
            self._note(problems)
            if not on_step(self._ledger.read):
                return None
        return self._finished_report()

    def steps(self) -> Generator[Step, None, None]:
        """Yield what is left to do."""
        if not self._ledger.fact("is_checked"):
            yield self._check_whole_file
        self._prepare()  # no step of its own: a run that is broken off after each step gets on all the same
        masks = islice(enumerate(self._reader.masks()), self._ledger.read, None)
        context = self._context()
        rows_file = GrowingFile(self.rows_file, {"offset": self._ledger.fact("rows_file")})
        try:
            while batch := next_batch(masks, at_most=MASKS_PER_STEP):
                yield lambda batch=batch: self._take(batch, context, rows_file)  # type: ignore[misc]
        finally:
            rows_file.close()

    def finish(self) -> dict[str, Any]:
        """Return the report of a finished import."""
        return self._finished_report()

    def _check_whole_file(self) -> None:
        """Read to the end without writing: a file that is cut off is refused as a whole."""
        for _ in self._outline():
            pass
        self._ledger.keep("is_checked", 1)

    def _prepare(self) -> None:
        """Match labels and photos, once; a run that goes on takes what the ledger has noted."""
        if self._ledger.fact("is_prepared"):
            self._take_up()
            return
        self.report = ImportReport(format=self.report.format)
        with self.rows_file.open("wb") as table:
            table.write(csv_line(*CSV_HEAD))
            self._table = table
            self._go_through(may_add=True)
            self._table = None
        self._load_stored()
        self._save_report()
        self._ledger.keep("rows_file", self.rows_file.stat().st_size)
        self._ledger.keep_text("labels", json.dumps(self._labels))
        self._ledger.keep("is_prepared", 1)

    def _take_up(self) -> None:
        """Go on with the photos and labels of before; those deleted meanwhile take no masks, or no label."""
        known = set(Label.objects.filter(project=self._project).values_list("pk", flat=True)) | {SKIP, None}
        labels = json.loads(self._ledger.text("labels"))
        self._labels = {key: pk if pk in known else None for key, pk in labels.items()}
        for images in self._ledger.image_chunks(IMAGES_AT_ONCE):
            pks = [image.pk for image in images if image.pk is not None]
            there = set(Image.objects.filter(pk__in=pks).values_list("pk", flat=True))
            for image in images:
                if image.pk is not None and image.pk not in there:
                    self._ledger.note_gone(image.key, "the photo was deleted meanwhile")
                elif image.height and not image.problem:
                    self._reader.use_size(image.key, (image.height, image.width))

    def _outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        for item in self._reader.outline():
            self._beat()
            yield item

    def _beat(self) -> None:
        if time.monotonic() - self._beaten_at >= BEAT_SECONDS:
            self._on_beat()
            self._beaten_at = time.monotonic()

    def _refuse(self, problem: Problem) -> None:
        """Report an image, label or entry that is not taken, and list it in the table while that is being made."""
        self.report.add_problem(problem)
        if self._table is not None:
            self._table.write(csv_line(problem.place, problem.code, problem.reason))

    def _go_through(self, *, may_add: bool) -> None:
        """Fill the ledger with images and decide about labels."""
        self._ledger.clear_images()
        labels = LabelMatcher(self._project, self._options)
        photos = PhotoMatcher(self._project, self._source, self._options, self._row.created_by)
        waiting: list[FileImage] = []
        for name, reason in self._source.left_out:
            self._refuse(Problem(name, "entry_left_out", reason))
        for item in self._outline():
            if isinstance(item, Problem):
                self._refuse(item)
            elif isinstance(item, FileCategory):
                self._decide_label(item, labels, may_add=may_add)
            else:
                waiting.append(item)
                if len(waiting) >= IMAGES_AT_ONCE:
                    self._match_images(waiting, photos, may_add=may_add)
                    waiting = []
        self._match_images(waiting, photos, may_add=may_add)
        self._ledger.keep("masks", self._reader.mask_count)

    def _decide_label(self, category: FileCategory, labels: LabelMatcher, *, may_add: bool) -> None:
        if category.key in self._labels:
            self._refuse(Problem(category.name, "double_id", "Its id is in the file more than once."))
            return
        if len(self._labels) >= MAX_CATEGORIES:
            raise BrokenFileError(f"The file has more than {MAX_CATEGORIES:,} categories.")
        proposal = labels.propose(category)
        self.report.categories.append({"key": category.key, "name": category.name, "count": 0, **proposal})
        if may_add:
            self._labels[category.key] = labels.decide(category)
            self.report.categories[-1]["label_id"] = (
                None if self._labels[category.key] == SKIP else self._labels[category.key]
            )
        else:
            self._labels[category.key] = SKIP if proposal["becomes"] == "skip" else proposal["label_id"]

    def _match_images(self, images: list[FileImage], photos: PhotoMatcher, *, may_add: bool) -> None:
        known: list[KnownImage] = []
        for image, (found, what) in zip(images, photos.match(images, may_add=may_add), strict=True):
            self.report.images[what] += 1
            known.append(found)
            if found.problem:
                self._refuse(Problem(image.file_name, f"image_{what}", found.problem))
            elif found.height:
                self._reader.use_size(found.key, (found.height, found.width))
        for key in self._ledger.add_images(known):
            self._refuse(Problem(f"image id {key[:60]}", "double_id", "Its id is in the file more than once."))

    def _load_stored(self) -> None:
        """Note what the project had before this import, so that a mask which is there is not made again."""
        if self._ledger.fact("is_stored_loaded"):
            return
        rows = self._masks_before().values_list("image_id", "label_id", "counts").iterator(chunk_size=2000)
        self._ledger.add_stored(mask_digest(image, label, counts) for image, label, counts in rows)
        self._ledger.keep("is_stored_loaded", 1)

    def _masks_before(self) -> QuerySet[Annotation]:
        rows = Annotation.objects.filter(image__project=self._project, deleted_at=None)
        return rows.filter(created_at__lt=self._started_at).order_by()

    def _context(self) -> BatchContext:
        default = LabelMatcher(self._project, self._options).default
        return BatchContext(self._ledger, self._labels, default, self.report, self._label_counts)

    def _take(self, batch: list[Any], context: BatchContext, rows_file: GrowingFile) -> None:
        context.report = self.report
        self._ledger.begin()
        try:
            masks, problems = check_batch(batch, context)
            self._note(problems)
            for problem in problems:
                rows_file.write(csv_line(problem.place, problem.code, problem.reason))
            if masks:
                write_batch(masks, run=self._facts, state=self._options.state, default_stage=self._project.stage)
        except BaseException:
            self._ledger.roll_back()
            raise
        self._ledger.keep("rows_file", rows_file.checkpoint()["offset"])
        self._save_report()
        self._ledger.commit(batch[-1][0] + 1)

    def _note(self, problems: list[Problem]) -> None:
        self.report.masks["refused"] += len(problems)
        for problem in problems:
            self.report.add_problem(problem)

    def _finished_report(self) -> dict[str, Any]:
        for category in self.report.categories:
            category["count"] = self._label_counts.get(category["key"], 0)
        return self.report.to_json()

    def _save_report(self) -> None:
        text = json.dumps({"report": self.report.to_json(), "label_counts": self._label_counts}, ensure_ascii=False)
        self._ledger.keep_text("report", text)

    def _load_report(self) -> ImportReport:
        text = self._ledger.text("report")
        if not text:
            return ImportReport(format=next(name for name, kind in READERS.items() if isinstance(self._reader, kind)))
        kept = json.loads(text)
        self._label_counts = kept["label_counts"]
        return ImportReport.from_json(kept["report"])


def open_reader(source: Source, wanted: str) -> Reader:
    """Return the reader of the wanted format, or of the first that fits; raise BrokenFileError."""
    if wanted != "auto":
        return READERS[wanted](source)
    for reader in READERS.values():
        if reader.fits(source):
            return reader(source)
    raise BrokenFileError("The file is none of COCO, SA-1B, YOLO-seg or index pictures.")
