"""One freeze from the first image to the finished content file, in steps that each end with a checkpoint on disk.

A run lives in a folder: plan.bin (the images, fixed at the start), state.json (how far it is) and content.part. Started
again on the same folder, it goes on after the last whole step. Must not know: jobs, requests.
"""

import hashlib
import json
import os
import uuid
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from django.db.models import Count

from annotator.images.models import Image
from annotator.projects.models import Project
from annotator.training.snapshot_content import VersionImage, describe_image, pack
from annotator.training.snapshot_filters import DatasetFilters, chosen_masks
from annotator.training.snapshot_split import AT_ONCE, Photo, Split

IMAGES_PER_STEP = 100
MASKS_AT_ONCE = 500  # read at once; a mask's provenance has up to 256 kB
HASH_BYTES = 1 << 20
Step = Callable[[], None]


@dataclass
class Share:
    """The masks of a label or of a person in a version."""

    name: str | None
    masks: int = 0
    held_out: int = 0


@dataclass
class RunState:
    """How far a run is; `position` is where content.part may go on. Shares by id as text, "" for none.

    token: names the run for good, so that what it makes is made once.
    """

    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    is_split: bool = False
    images_done: int = 0
    position: int = 0
    trained_images: int = 0
    held_out_images: int = 0
    masks: int = 0
    held_out_masks: int = 0
    labels: dict[str, Share] = field(default_factory=dict)
    people: dict[str, Share] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RunState":
        """Return what state.json says."""
        shares = {name: {key: Share(**value) for key, value in data[name].items()} for name in ("labels", "people")}
        return cls(**{**data, **shares})


class FreezeRun:
    """Writes the masks that `filters` choose now into `folder`; `content` is whole when `is_done`."""

    def __init__(self, project: Project, filters: DatasetFilters, folder: Path) -> None:
        self.project, self.filters, self.folder = project, filters, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.content = folder / "content.part"
        self._state_file, self._plan_file = folder / "state.json", folder / "plan.bin"
        self.state = RunState()
        if self._state_file.exists():
            self.state = RunState.from_json(json.loads(self._state_file.read_text(encoding="utf-8")))
        self.plan = self._load_plan()
        self._split = Split(project)

    @property
    def is_done(self) -> bool:
        """Say whether the content is whole and its digest is known."""
        return bool(self.state.digest)

    @property
    def progress(self) -> tuple[int, int]:
        """Return images done and images in all."""
        return self.state.images_done, len(self.plan)

    def steps(self) -> Iterator[Step]:
        """Yield what is left to do."""
        if not self.state.is_split:
            yield self._decide_split
        while self.state.images_done < len(self.plan):
            yield self._write_some
        if not self.is_done:
            yield self._finish

    def label_shares(self) -> list[dict[str, Any]]:
        """Return the masks by label, most first, with the colours that labels have now."""
        colors = dict(self.project.labels.values_list("pk", "color"))
        return [{**row, "color": colors.get(row["id"])} for row in _listed(self.state.labels)]

    def people_shares(self) -> list[dict[str, Any]]:
        """Return the masks by author, most first."""
        return _listed(self.state.people)

    def _decide_split(self) -> None:
        self._split.decide(self._photos)
        self.state.is_split = True
        self._save_state()

    def _photos(self) -> Iterator[Photo]:
        for first in range(0, len(self.plan), AT_ONCE):
            rows = Image.objects.filter(pk__in=self.plan[first : first + AT_ONCE]).order_by("pk")
            for sha256, split in list(rows.values_list("sha256", "split")):
                yield Photo(sha256, split)

    def _write_some(self) -> None:
        ids = self.plan[self.state.images_done : self.state.images_done + IMAGES_PER_STEP]
        with _open_at(self.content, self.state.position) as file:
            for batch in self._read(ids):
                file.write(pack(batch))
                for image in batch:
                    self._count(image)
            file.flush()
            os.fsync(file.fileno())  # before state.json says so: after a power cut nothing is missing in the middle
            self.state.position = file.tell()
        self.state.images_done += len(ids)
        self._save_state()

    def _read(self, ids: "array[int]") -> Iterator[list[VersionImage]]:
        """Yield the lines of these images, some at a time; those that have no such mask any more are left out."""
        images = Image.objects.filter(project=self.project).in_bulk(list(ids))
        known = self._split.known(image.sha256 for image in images.values())
        rows = chosen_masks(self.project, self.filters)
        sizes = dict(rows.filter(image__in=list(images)).values_list("image_id").annotate(masks=Count("pk")))
        for run in _runs(sorted(sizes), sizes):
            masks = rows.filter(image__in=run).select_related("label", "author").order_by("image_id", "pk")
            found = groupby(list(masks), key=lambda mask: mask.image_id)
            yield [describe_image(images[pk], list(own), is_held_out=known[images[pk].sha256]) for pk, own in found]

    def _count(self, line: VersionImage) -> None:
        state, is_held_out = self.state, line["image"]["held_out"]
        masks = len(line["annotations"])
        state.masks += masks
        if is_held_out:
            state.held_out_images += 1
            state.held_out_masks += masks
        else:
            state.trained_images += 1
        for mask in line["annotations"]:
            _add(state.labels, mask["label_id"], mask["label"], is_held_out=is_held_out)
            _add(state.people, mask["author_id"], mask["author"], is_held_out=is_held_out)

    def _finish(self) -> None:
        digest = hashlib.sha256()
        self.content.touch()
        with self.content.open("rb") as file:
            while data := file.read(HASH_BYTES):
                digest.update(data)
        self.state.digest = digest.hexdigest()
        self._save_state()

    def _load_plan(self) -> "array[int]":
        if self._plan_file.exists() and self._state_file.exists():
            return array("q", self._plan_file.read_bytes())
        rows = chosen_masks(self.project, self.filters).order_by("image_id")
        ids = rows.values_list("image_id", flat=True).distinct().iterator(chunk_size=5000)
        plan = array("q", ids)
        self._plan_file.write_bytes(plan.tobytes())
        self._save_state()
        return plan

    def _save_state(self) -> None:
        draft = self._state_file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self.state)), encoding="utf-8")
        draft.replace(self._state_file)


def _open_at(path: Path, offset: int) -> IO[bytes]:
    """Open a file that grows, cut off where the last whole step ended."""
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(offset)
    file.seek(offset)
    return file


def _runs(ids: Sequence[int], sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """Cut the images into runs of MASKS_AT_ONCE masks at most, or of one image."""
    run: list[int] = []
    count = 0
    for pk in ids:
        if run and count + sizes[pk] > MASKS_AT_ONCE:
            yield run
            run, count = [], 0
        run.append(pk)
        count += sizes[pk]
    if run:
        yield run


def _add(shares: dict[str, Share], pk: int | None, name: str | None, *, is_held_out: bool) -> None:
    share = shares.setdefault("" if pk is None else str(pk), Share(name))
    share.masks += 1
    share.held_out += is_held_out


def _listed(shares: Mapping[str, Share]) -> list[dict[str, Any]]:
    rows = [{"id": int(key) if key else None, **asdict(share)} for key, share in shares.items()]
    return sorted(rows, key=lambda row: (-row["masks"], row["name"] or ""))
