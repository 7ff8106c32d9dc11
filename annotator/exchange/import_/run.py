"""One import, from the first look to the last mask, in steps that can be broken off anywhere.

`preview` reads everything and writes nothing. `steps` first goes through the whole file, so that one which is cut off
or broken is refused before anything is written; then it matches labels and photos, and takes the masks in batches.
How far it is stands in a ledger in the run's folder; without the ledger it starts again and writes the same rows.
"""

import json
import time
from collections.abc import Callable, Generator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.annotations.models import Annotation
from annotator.exchange.base.reading import Problem
from annotator.exchange.files.csv_lines import csv_line
from annotator.exchange.files.packages import GrowingFile
from annotator.exchange.files.source import BrokenFileError, Source
from annotator.exchange.import_.batch import BatchContext, RunFacts, SoundMask, check_batch, write_batch
from annotator.exchange.import_.batches import next_batch
from annotator.exchange.import_.first_pass import IMAGES_AT_ONCE, Outline, Places
from annotator.exchange.import_.label_matching import SKIP, LabelMatcher
from annotator.exchange.import_.ledger import Ledger, mask_digest
from annotator.exchange.import_.report import CSV_HEAD, ImportReport
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.numbers import HIGHEST, keep_masks, reserve_masks, used_mask_numbers
from annotator.exchange.options import ImportOptions
from annotator.exchange.registry import READ, SPECS, load_reader
from annotator.images.models import Image
from annotator.projects.models import Label

MASKS_PER_STEP = 500
BEAT_SECONDS = 10.0
DROPPED_LISTED = 100
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
        self._ledger = Ledger(folder / "ledger.sqlite3")
        self._format, self._reason = self._find_format()
        self._reader = load_reader(self._format)(self._source)
        self._reader.chosen = self._options.files
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

    @property
    def boxes_file(self) -> Path | None:
        """Return the boxes of which masks are to be made, photo by photo; None where there are none."""
        if not self._ledger.has_boxes():
            return None
        path = self._folder / "boxes.jsonl"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in self._ledger.boxes())
        return path

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
                yield partial(self._take, batch, context, rows_file)
        finally:
            rows_file.close()

    def finish(self) -> dict[str, Any]:
        """Return the report of a finished import."""
        return self._finished_report()

    def _check_whole_file(self) -> None:
        """Read to the end without writing: a file that is cut off is refused as a whole."""
        for _entry in self._outline().read():
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
        reserve_masks(self._project, min(self._reader.highest_number, HIGHEST))
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

    def _beat(self) -> None:
        if time.monotonic() - self._beaten_at >= BEAT_SECONDS:
            self._on_beat()
            self._beaten_at = time.monotonic()

    def _refuse(self, problem: Problem) -> None:
        """Report an image, label or entry that is not taken, and list it in the table while that is being made."""
        self.report.add_problem(problem)
        if self._table is not None:
            self._table.write(csv_line(problem.place, problem.code, problem.reason))

    def _outline(self) -> Outline:
        source, reader, ledger = self._source, self._reader, self._ledger
        places = Places(self._project, self._row.created_by, source, self._options, reader, ledger)
        return Outline(places, self.report, refuse=self._refuse, on_beat=self._beat)

    def _go_through(self, *, may_add: bool) -> None:
        outline = self._outline()
        outline.go_through(may_add=may_add)
        self._labels = outline.labels

    def _load_stored(self) -> None:
        """Note what the project had before this import, so that a mask which is there is not made again."""
        if self._ledger.fact("is_stored_loaded"):
            return
        rows = self._masks_before().values_list("image_id", "label_id", "counts").iterator(chunk_size=2000)
        self._ledger.add_stored(mask_digest(image, label, counts) for image, label, counts in rows)
        self._ledger.add_numbers(used_mask_numbers(self._project))
        self._ledger.keep("is_stored_loaded", 1)

    def _masks_before(self) -> QuerySet[Annotation]:
        rows = Annotation.objects.filter(image__project=self._project, deleted_at=None)
        return rows.filter(created_at__lt=self._started_at).order_by()

    def _context(self) -> BatchContext:
        default = LabelMatcher(self._project, self._options).default
        takes_boxes = self._options.boxes == "suggest"
        return BatchContext(self._ledger, self._labels, default, self.report, self._label_counts, takes_boxes)

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
                keep_masks(self._project, self._numbers_of(masks))
        except BaseException:
            self._ledger.roll_back()
            raise
        self._ledger.keep("rows_file", rows_file.checkpoint()["offset"])
        self._save_report()
        self._ledger.commit(batch[-1][0] + 1)

    def _numbers_of(self, masks: list[SoundMask]) -> dict[int, dict[UUID, int]]:
        """Return the numbers that masks came in with, by photo."""
        numbers: dict[int, dict[UUID, int]] = {}
        for mask in masks:
            if mask.number is not None and mask.image_pk is not None:
                numbers.setdefault(mask.image_pk, {})[self._facts.mask_id(mask.ordinal)] = mask.number
        return numbers

    def _note(self, problems: list[Problem]) -> None:
        self.report.masks["refused"] += len(problems)
        for problem in problems:
            self.report.add_problem(problem)

    def _finished_report(self) -> dict[str, Any]:
        if self.report.is_empty:
            raise BrokenFileError(_("There is nothing in the file to take in. %(reason)s") % {"reason": self._reason})
        self.report.reason, self.report.files = self._reason, self._reader.files
        self.report.dropped = dict(self._reader.dropped.most_common(DROPPED_LISTED))
        for category in self.report.categories:
            category["count"] = self._label_counts.get(category["key"], 0)
        return self.report.to_json()

    def _save_report(self) -> None:
        text = json.dumps({"report": self.report.to_json(), "label_counts": self._label_counts}, ensure_ascii=False)
        self._ledger.keep_text("report", text)

    def _find_format(self) -> tuple[str, str]:
        """Return the format and why; looked for once, and noted for a run that goes on."""
        if not self._ledger.text("format"):
            name, reason = find_format(self._source, self._options.format)
            self._ledger.keep_text("format", name)
            self._ledger.keep_text("reason", reason)
        return self._ledger.text("format"), self._ledger.text("reason")

    def _load_report(self) -> ImportReport:
        text = self._ledger.text("report")
        if not text:
            return ImportReport(format=self._format)
        kept = json.loads(text)
        self._label_counts = kept["label_counts"]
        return ImportReport.from_json(kept["report"])


def find_format(source: Source, wanted: str) -> tuple[str, str]:
    """Return the wanted format, or the first that the file holds, and why; raise BrokenFileError."""
    if wanted != "auto":
        return wanted, _("%(title)s was asked for.") % {"title": SPECS[wanted].title}
    found = [(name, reason) for name in READ if (reason := load_reader(name).recognise(source))]
    if not found:
        words = {"n": ", ".join(SPECS[name].title for name in READ), "held": source.describe()}
        raise BrokenFileError(_("The file is none of %(n)s: it holds %(held)s.") % words)
    name, reason = found[0]
    if len(found) == 1:
        return name, f"{reason}."
    others = ", ".join(f"{SPECS[other].title} ({why})" for other, why in found[1:])
    also = _("It might also be %(others)s: choose the format to read that.") % {"others": others}
    return name, f"{reason}. {also}"
