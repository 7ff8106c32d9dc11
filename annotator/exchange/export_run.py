"""One export from the first image to its certificate, in steps that each end with a checkpoint on disk.

A run lives in a folder: plan.bin (the images, fixed at the start), state.json (how far it is) and the growing files.
Started again on the same folder, it goes on after the last whole step. Must not know: jobs, requests.
"""

import json
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from annotator.exchange.certificate import make_certificate, verify_batch, verify_pictures
from annotator.exchange.exporters import EXPORTERS
from annotator.exchange.exporters.base import CheckedMask, Exporter
from annotator.exchange.mask_index import MaskIndex, read_index
from annotator.exchange.rows import ImageRow, MaskRow, Selection
from annotator.exchange.tally import Tally
from annotator.mask_gateway import measure_masks
from annotator.sam_answers import MeasuredMask

IMAGES_PER_STEP = 100
MASKS_PER_STEP = 4000
MEASURED_AT_ONCE = 500
VERIFIED_AT_ONCE = 500
CERTIFICATE = "certificate.json"
Step = Callable[[], None]


class ExportRun:
    """Writes one selection into `folder`; `files` and `certificate` are there when `is_done`."""

    def __init__(self, selection: Selection, folder: Path, *, name: str) -> None:
        self.selection, self.folder, self.name = selection, folder, name
        folder.mkdir(parents=True, exist_ok=True)
        self._state_file = folder / "state.json"
        self.state: dict[str, Any] = {"phase": "write", "images_done": 0, "positions": None, "tally": {}, "files": []}
        if self._state_file.exists():
            self.state = json.loads(self._state_file.read_text(encoding="utf-8"))
        self.tally = Tally.from_json(self.state["tally"])
        self.plan = self._load_plan()

    @property
    def is_done(self) -> bool:
        """Say whether the certificate is written."""
        return bool(self.state["phase"] == "done")

    @property
    def files(self) -> list[Path]:
        """Return the finished files, without the certificate."""
        return [self.folder / name for name in self.state["files"]]

    @property
    def progress(self) -> tuple[int, int]:
        """Return steps done and steps in all; reading back counts as much as writing."""
        total = 2 * len(self.plan)
        if self.is_done:
            return total, total
        if self.state["phase"] == "write":
            return int(self.state["images_done"]), total
        return len(self.plan) + len(self.plan) * self._read() // max(self._expected(), 1), total

    def steps(self) -> Generator[Step, None, None]:
        """Yield what is left to do; closed in between, it leaves no file open."""
        if self.state["phase"] == "write":
            yield from self._write_steps()
        if self.state["phase"] == "verify":
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
        positions = self.state["positions"] or {}
        exporter = self._exporter()
        exporter.start(positions.get("exporter"))
        index = MaskIndex(self.folder / "masks.idx", positions.get("index"))
        try:
            while self.state["images_done"] < len(self.plan):
                first = self.state["images_done"]
                yield lambda first=first: self._write_chunk(exporter, index, first)  # type: ignore[misc]
            yield lambda: self._finish_writing(exporter, index)
        finally:
            exporter.abandon()
            index.close()

    def _write_chunk(self, exporter: Exporter, index: MaskIndex, first: int) -> None:
        ids = self.plan[first : first + IMAGES_PER_STEP]
        images = self.selection.load_images(ids, first_number=first + 1)
        for image, masks in _by_image(images, self._checked(images)):
            for mask in exporter.write_image(image, masks):
                index.add(mask.row.pk, mask.row.revision)
                self.tally.masks_written += 1
            self.tally.images += 1
        self.state["images_done"] = first + len(ids)
        self.state["positions"] = {"exporter": exporter.checkpoint(), "index": index.checkpoint()}
        self._save_state()

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
                    self.tally.leave_out(mask=row.pk, image=image.file_name, reason="the mask has no pixels")
                else:
                    self._note_differences(row, result)
                    yield image, CheckedMask(row, result)

    def _note_differences(self, row: MaskRow, measured: MeasuredMask) -> None:
        if row.area != measured.area or row.bbox != measured.bbox_xywh:
            self.tally.note("area_or_box_measured_anew", str(row.pk))

    def _finish_writing(self, exporter: Exporter, index: MaskIndex) -> None:
        index.close()
        self.state["files"] = [path.name for path in exporter.close()]
        self.state["phase"] = "verify"
        self._save_state()

    def _verify_steps(self) -> Iterator[Step]:
        exporter = self._exporter()
        skip = self._read()
        found = islice(exporter.read_back(self.files), skip, None)
        references = read_index(self.folder / "masks.idx", skip=skip)
        while not self.state.get("is_read"):
            yield lambda: self._verify_some(exporter, found, references)
        yield lambda: self._certify(exporter)

    def _verify_some(self, exporter: Exporter, found: Iterator[Any], references: Iterator[Any]) -> None:
        for _ in range(MASKS_PER_STEP // VERIFIED_AT_ONCE):
            batch = list(islice(found, VERIFIED_AT_ONCE))
            if not exporter.has_masks_of_their_own:
                verify_pictures(batch, self.tally)
            else:
                wanted = list(islice(references, len(batch)))
                if len(wanted) < len(batch):
                    self.tally.mismatch(mask="", reason=f"the file holds {len(batch) - len(wanted)} masks too many")
                verify_batch(exporter, batch[: len(wanted)], wanted, self.tally)
            if len(batch) < VERIFIED_AT_ONCE:
                self._check_nothing_missing()
                self.state["is_read"] = True
                break
        self._save_state()

    def _check_nothing_missing(self) -> None:
        read, expected = self._read(), self._expected()
        if read != expected:
            self.tally.mismatch(mask="", reason=f"the file holds {read} of {expected} masks or pictures")

    def _certify(self, exporter: Exporter) -> None:
        certificate = make_certificate(
            self.tally,
            self.selection.options,
            project=self.selection.project.name,
            files=self.files,
            loss_words=exporter.loss_words(),
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
        self.state["phase"] = "done"
        self._save_state()

    def _exporter(self) -> Exporter:
        return EXPORTERS[self.selection.options.format](self.selection, self.folder, self.name, self.tally)

    def _read(self) -> int:
        return self.tally.masks_verified + self.tally.notes.get("pictures_verified", 0)

    def _expected(self) -> int:
        has_masks = EXPORTERS[self.selection.options.format].has_masks_of_their_own
        return self.tally.masks_written if has_masks else self.tally.images

    def _load_plan(self) -> "array[int]":
        path = self.folder / "plan.bin"
        if self.is_done:
            return array("q", bytes(8 * self.state["images_done"]))
        if path.exists() and self._state_file.exists():
            return array("q", path.read_bytes())
        plan = self.selection.list_image_ids()
        path.write_bytes(plan.tobytes())
        self._save_state()
        return plan

    def _save_state(self) -> None:
        self.state["tally"] = self.tally.to_json()
        draft = self._state_file.with_suffix(".draft")
        draft.write_text(json.dumps(self.state, ensure_ascii=False), encoding="utf-8")
        draft.replace(self._state_file)


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
