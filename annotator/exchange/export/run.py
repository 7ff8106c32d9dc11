"""One export from the first image to its certificate, in steps that each end with a checkpoint on disk.

A run lives in a folder: plan.bin (the images, fixed at the start), state.json (how far it is) and the growing files.
Started again on the same folder, it goes on after the last whole step. Must not know: jobs, requests.
"""

import json
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from annotator.exchange.base.rows import ImageRow, MaskRow
from annotator.exchange.base.tally import Tally
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer
from annotator.exchange.export.certificate import make_certificate, verify_batch, verify_pictures
from annotator.exchange.export.mask_index import MaskIndex, Reference, read_index
from annotator.exchange.export.selection import Selection
from annotator.exchange.numbers import number_masks
from annotator.exchange.registry import load_writer
from annotator.mask_gateway import measure_masks
from annotator.sam_answers import MeasuredMask

IMAGES_PER_STEP = 100
MASKS_PER_STEP = 4000
MEASURED_AT_ONCE = 500
NUMBERED_AT_ONCE = 2000  # in one short transaction
VERIFIED_AT_ONCE = 500
CERTIFICATE = "certificate.json"
Step = Callable[[], None]


@dataclass
class RunState:
    """How far a run is: its phase (write, verify, done), the images written, and where its files may go on.

    positions: of the writer's files by name, and of the index; None before the first checkpoint. files: the names of
    the finished ones. is_read: all of them have been read back.
    """

    phase: str = "write"
    images_done: int = 0
    positions: dict[str, Any] | None = None
    tally: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    is_read: bool = False


class ExportRun:
    """Writes one selection into `folder`; `files` and `certificate` are there when `is_done`."""

    def __init__(self, selection: Selection, folder: Path, *, name: str) -> None:
        self.selection, self.folder, self.name = selection, folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self._state_file = folder / "state.json"
        self.state = RunState()
        if self._state_file.exists():
            self.state = RunState(**json.loads(self._state_file.read_text(encoding="utf-8")))
        self.tally = Tally.from_json(self.state.tally)
        self.plan = self._load_plan()

    @property
    def is_done(self) -> bool:
        """Say whether the certificate is written."""
        return self.state.phase == "done"

    @property
    def files(self) -> list[Path]:
        """Return the finished files, without the certificate."""
        return [self.folder / name for name in self.state.files]

    @property
    def progress(self) -> tuple[int, int]:
        """Return steps done and steps in all; reading back counts as much as writing."""
        total = 2 * len(self.plan)
        if self.is_done:
            return total, total
        if self.state.phase == "write":
            return self.state.images_done, total
        return len(self.plan) + len(self.plan) * self._read() // max(self._expected(), 1), total

    def steps(self) -> Generator[Step, None, None]:
        """Yield what is left to do; closed in between, it leaves no file open."""
        if self.state.phase == "write":
            yield from self._write_steps()
        if self.state.phase == "verify":
            yield from self._verify_steps()

    def run(self) -> dict[str, Any]:
        """Do everything that is left and return the certificate."""
        for step in self.steps():
            step()
        return self.certificate()

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of a finished run."""
        data: dict[str, Any] = json.loads((self.folder / CERTIFICATE).read_text(encoding="utf-8"))
        return data

    def _write_steps(self) -> Iterator[Step]:
        positions = self.state.positions or {}
        writer = self._writer()
        writer.start(positions.get("exporter"))
        index = MaskIndex(self.folder / "masks.idx", positions.get("index"))
        try:
            while self.state.images_done < len(self.plan):
                yield partial(self._write_chunk, writer, index, self.state.images_done)
            yield lambda: self._finish_writing(writer, index)
        finally:
            writer.abandon()
            index.close()

    def _write_chunk(self, writer: Writer, index: MaskIndex, first: int) -> None:
        ids = self.plan[first : first + IMAGES_PER_STEP]
        images = self.selection.load_images(ids)
        for image, masks in self._numbered(writer, _by_image(images, self._checked(images))):
            for mask in writer.write_image(image, masks):
                index.add(mask.row.pk, mask.row.revision)
                self.tally.masks_written += 1
            self.tally.images += 1
        self.state.images_done = first + len(ids)
        self.state.positions = {"exporter": writer.checkpoint(), "index": index.checkpoint()}
        self._save_state()

    def _numbered(
        self, writer: Writer, groups: Iterator[tuple[ImageRow, list[CheckedMask]]]
    ) -> Iterator[tuple[ImageRow, list[CheckedMask]]]:
        """Give masks their numbers, some images at a time, where the format writes any."""
        if not writer.numbers_masks:
            yield from groups
            return
        while waiting := list(_some_images(groups)):
            wanted = {image.pk: [mask.row.pk.bytes for mask in masks] for image, masks in waiting}
            numbers = number_masks(self.selection.project, wanted)
            for image, masks in waiting:
                for mask, pk in zip(masks, wanted[image.pk], strict=True):
                    mask.row.number = numbers[pk]
                yield image, masks

    def _checked(self, images: Sequence[ImageRow]) -> Iterator[tuple[ImageRow, CheckedMask]]:
        """Yield the sound masks of these images; the others are named in the tally, and stop nothing."""
        rows = self.selection.iterate_masks(images)
        while batch := list(islice(rows, MEASURED_AT_ONCE)):
            measured = measure_masks([row.counts for _, row in batch], [image.size for image, _ in batch])
            for (image, row), result in zip(batch, measured, strict=True):
                self.tally.masks_read += 1
                if not isinstance(result, MeasuredMask):
                    self.tally.leave_out(mask=row.pk, image=image.file_name, reason=str(result))
                elif result.area == 0:
                    self.tally.leave_out(mask=row.pk, image=image.file_name, reason=_("the mask has no pixels"))
                else:
                    self._note_differences(row, result)
                    yield image, CheckedMask(row, result)

    def _note_differences(self, row: MaskRow, measured: MeasuredMask) -> None:
        if row.area != measured.area or row.bbox != measured.bbox_xywh:
            self.tally.note("area_or_box_measured_anew", str(row.pk))

    def _finish_writing(self, writer: Writer, index: MaskIndex) -> None:
        index.close()
        self.state.files = [path.name for path in writer.close()]
        self.state.phase = "verify"
        self._save_state()

    def _verify_steps(self) -> Iterator[Step]:
        writer = self._writer()
        skip = self._read()
        found = islice(writer.read_back(self.files), skip, None)
        references = read_index(self.folder / "masks.idx", skip=skip)
        while not self.state.is_read:
            yield lambda: self._verify_some(writer, found, references)
        yield lambda: self._certify(writer)

    def _verify_some(self, writer: Writer, found: Iterator[ReadMask], references: Iterator[Reference]) -> None:
        for _batch in range(MASKS_PER_STEP // VERIFIED_AT_ONCE):
            batch = list(islice(found, VERIFIED_AT_ONCE))
            if not writer.has_masks_of_their_own:
                verify_pictures(batch, self.tally)
            else:
                wanted = list(islice(references, len(batch)))
                if len(wanted) < len(batch):
                    self.tally.mismatch(mask="", reason=f"the file holds {len(batch) - len(wanted)} masks too many")
                verify_batch(writer, batch[: len(wanted)], wanted, self.tally)
            if len(batch) < VERIFIED_AT_ONCE:
                self._check_nothing_missing()
                self.state.is_read = True
                break
        self._save_state()

    def _check_nothing_missing(self) -> None:
        read, expected = self._read(), self._expected()
        if read != expected:
            self.tally.mismatch(mask="", reason=f"the file holds {read} of {expected} masks or pictures")

    def _certify(self, writer: Writer) -> None:
        certificate = make_certificate(
            self.tally,
            self.selection.options,
            project=self.selection.project.name,
            files=self.files,
            loss_words=writer.loss_words(),
        )
        text = json.dumps(certificate, ensure_ascii=False, indent=1)
        (self.folder / CERTIFICATE).write_text(text + "\n", encoding="utf-8")
        for path in [
            *self.folder.glob("*.part"),
            *self.folder.glob(".*.entries"),
            self.folder / "masks.idx",
            self.folder / "plan.bin",
        ]:
            path.unlink(missing_ok=True)
        self.state.phase = "done"
        self._save_state()

    def _writer(self) -> Writer:
        return load_writer(self.selection.options.format)(self.selection, self.folder, self.name, self.tally)

    def _read(self) -> int:
        return self.tally.masks_verified + self.tally.notes.get("pictures_verified", 0)

    def _expected(self) -> int:
        writer = load_writer(self.selection.options.format)
        return (
            self.tally.masks_written if writer.has_masks_of_their_own else self.tally.images * writer.pictures_an_image
        )

    def _load_plan(self) -> "array[int]":
        path = self.folder / "plan.bin"
        if self.is_done:
            return array("q", bytes(8 * self.state.images_done))
        if path.exists() and self._state_file.exists():
            return array("q", path.read_bytes())
        plan = self.selection.list_image_ids()
        path.write_bytes(plan.tobytes())
        self._save_state()
        return plan

    def _save_state(self) -> None:
        self.state.tally = self.tally.to_json()
        draft = self._state_file.with_suffix(".draft")
        draft.write_text(json.dumps(vars(self.state), ensure_ascii=False), encoding="utf-8")
        draft.replace(self._state_file)


def _some_images(
    groups: Iterator[tuple[ImageRow, list[CheckedMask]]],
) -> Iterator[tuple[ImageRow, list[CheckedMask]]]:
    """Yield the next images, until they hold as many masks as are numbered at once."""
    count = 0
    for image, masks in groups:
        yield image, masks
        count += len(masks)
        if count >= NUMBERED_AT_ONCE:
            return


def _by_image(
    images: Sequence[ImageRow], checked: Iterator[tuple[ImageRow, CheckedMask]]
) -> Iterator[tuple[ImageRow, list[CheckedMask]]]:
    """Yield every image once, with its masks or with none; the masks come in the order of the images."""
    following = next(checked, None)
    for image in images:
        masks: list[CheckedMask] = []
        while following is not None and following[0].pk == image.pk:
            masks.append(following[1])
            following = next(checked, None)
        yield image, masks
