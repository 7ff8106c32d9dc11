"""What every format shares: the photos beside the masks, the package, and the order of the masks.

A writer writes one image at a time and can go on at a checkpoint; afterwards it reads its own files back, mask by
mask in the order written, for the certificate. Must not know: how masks are chosen, jobs.
"""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import UUID

from annotator.exchange.base.rows import Chosen, ImageRow, MaskRow
from annotator.exchange.base.tally import Tally
from annotator.exchange.files.csv_lines import csv_line
from annotator.exchange.files.growing_list import GrowingList
from annotator.exchange.files.json_lines import dump
from annotator.exchange.files.packages import GrowingFile, Package, Position, TarPackage, ZipPackage
from annotator.exchange.registry import SPECS
from annotator.photos import store
from annotator.photos.encoding import encode_anew
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.naming import stem_of
from annotator.photos.readings import reading_of
from annotator.sam_answers import MeasuredMask

LINKS_NAME = "image_links.csv"


@dataclass(frozen=True, slots=True)
class CheckedMask:
    """A stored mask that was decoded and found sound: `measured` holds its canonical counts, area and box."""

    row: MaskRow
    measured: MeasuredMask


@dataclass(frozen=True, slots=True)
class ReadMask:
    """A mask as it was found in the file: counts not checked yet, or what was wrong with it."""

    counts: object
    size: tuple[int, int]
    problem: str = ""


class Writer(ABC):
    """Writes one format into `folder` under the base name `name`."""

    numbers_masks = False  # True: masks carry numbers in the file, which they keep in every later one
    has_masks_of_their_own = True  # False: masks are painted over each other, and pictures are compared instead
    pictures_an_image = 1

    def __init__(self, selection: Chosen, folder: Path, name: str, tally: Tally) -> None:
        self.selection, self.options = selection, selection.options
        self.spec = SPECS[self.options.format]
        self.folder, self.name, self.tally = folder, name, tally
        self.package: Package | None = None
        self.beside: list[GrowingFile | GrowingList] = []  # files that grow beside the package
        self.links: GrowingFile | None = None  # the photos' addresses, where they are asked for and have no other place

    @property
    def is_lossy(self) -> bool:
        """Say whether what is read back differs from the stored masks."""
        return False

    def start(self, positions: dict[str, Position] | None) -> None:
        """Open everything that is written to: anew, or where an earlier run had its last checkpoint."""
        positions = positions or {}
        self.package = self._open_package(positions.get("package"))
        if self.package is not None and self.options.images == "links":
            self.links = GrowingFile(self.folder / "links.part", positions.get("links"))
            if not positions:
                self.links.write(csv_line("file", "url", "sha256"))
        self.open(positions)

    def open(self, positions: dict[str, Position]) -> None:
        """Open what is written to beside the package; nothing, unless a format says otherwise."""
        return

    @abstractmethod
    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write one image with its masks and return those written, in file order."""

    def checkpoint(self) -> dict[str, Position]:
        """Flush everything and return where a later run may go on."""
        files = {"package": self.package, "links": self.links}
        return {name: file.checkpoint() for name, file in files.items() if file is not None}

    @abstractmethod
    def close(self) -> list[Path]:
        """Finish and return the files made."""

    def photo(self, image: ImageRow, name: str, *, size: tuple[int, int] | None = None) -> None:
        """Put the photo in or note its address, as was asked for; size is (height, width), None keeps its own."""
        if self.options.images == "copy":
            add_photo(self.entries, image, name, self.tally, size=size)
        elif self.links is not None:
            self.links.write(csv_line(name, photo_url(image, self.options.base_url), image.sha256))

    def own_stem(self, image: ImageRow) -> str:
        """Return the stem of the files beside a photo; noted where it is not that of the owner's name."""
        if image.stem != stem_of(image.file_name):
            self.tally.note("names_told_apart", f"{image.file_name} is {image.stem}")
        return image.stem

    def dump(self, value: object, *, of: str | UUID) -> bytes:
        """Return JSON; what no file can hold is mended and noted as `of`, so that one bad row stops nothing."""
        return dump(value, lambda: self.tally.note("texts_mended", str(of)))

    def close_package(self) -> list[Path]:
        """Finish the package, with the table of addresses if there is one."""
        if self.links is not None:
            self.links.close()
            with self.links.path.open("rb") as file:
                self.entries.add_file(LINKS_NAME, file, self.links.path.stat().st_size)
        return self.entries.close()

    def abandon(self) -> None:
        """Close everything that is open, without finishing it; after close there is nothing left to do."""
        if self.package is not None:
            self.package.abandon()
        if self.links is not None:
            self.links.close()
        for file in self.beside:
            file.close()

    @abstractmethod
    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Yield every mask of finished files, in the order written."""

    def stored_form(self, counts: str, size: tuple[int, int]) -> tuple[str, tuple[int, int]]:
        """Return what the file should hold for a stored mask; another size where photos are resized."""
        return counts, size

    def loss_words(self) -> str:
        """Say what the format cannot hold."""
        return self.spec.loss_words()

    def _open_package(self, position: Position | None) -> Package | None:
        if not self.has_package:
            return None
        kind = self.options.container
        if kind == "auto":
            kind = "tar" if self.spec.container == "tar" else "zip"
        if kind == "tar":
            return TarPackage(self.folder, self.name, position)
        return ZipPackage(self.folder, self.name, position)

    @property
    def has_package(self) -> bool:
        """Say whether entries are packed: always, but for one bare JSON without photos."""
        return self.spec.container != "file" or self.options.images == "copy"

    @property
    def entries(self) -> Package:
        """Return the package; only for formats and options that have one."""
        if self.package is None:
            raise RuntimeError("the writer was not started, or writes no package")
        return self.package


def photo_url(image: ImageRow, base_url: str) -> str:
    """Return the address of a photo; whoever asks must be signed in or have a token."""
    return f"{base_url}/api/v1/images/{image.pk}/original?v={image.sha256[:12]}"


def add_photo(
    package: Package, image: ImageRow, name: str, tally: Tally, *, size: tuple[int, int] | None = None
) -> None:
    """Put the photo into the package: as it was sent, or encoded anew where it must be turned or resized.

    size is (height, width) of the photo wanted; None keeps its own. A photo whose file is missing is noted.
    """
    try:
        with store.open_part(image.sha256, store.ORIGINAL) as file:
            if image.exif_orientation == 1 and size is None and not image.is_jpeg_made:
                package.add_file(name, file, _length(file))
                return
            data = encode_anew(file, name, size=size, reading=reading_of(image.picture))
    except FileNotFoundError:
        tally.note("photos_missing", image.file_name)
        return
    except PhotoRefusedError as error:
        tally.note("photos_unreadable", f"{image.file_name}: {error.message}")
        return
    if image.exif_orientation != 1:
        tally.note("photos_turned_upright", image.file_name)
    if image.is_jpeg_made:
        tally.note("photos_made_jpeg", image.file_name)
    package.add(name, data)


def _length(file: IO[bytes]) -> int:
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(0)
    return size
