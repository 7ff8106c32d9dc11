"""What every format shares: the photos beside the masks, the package, and the order of the masks.

An exporter writes one image at a time and can go on at a checkpoint; afterwards it reads its own files back, mask by
mask in the order written, for the certificate. Must not know: how masks are chosen, jobs.
"""

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from annotator.exchange.csv_lines import csv_line
from annotator.exchange.packages import GrowingFile, Package, Position, TarPackage, ZipPackage
from annotator.exchange.rows import ImageRow, MaskRow, Selection
from annotator.exchange.tally import Tally
from annotator.photos import store
from annotator.photos.decoding import load_upright_rgb, open_photo
from annotator.photos.errors import PhotoRefusedError
from annotator.sam_answers import MeasuredMask

JPEG_QUALITY = 95
LINKS_NAME = "image_links.csv"


@dataclass(frozen=True, slots=True)
class CheckedMask:
    """A stored mask that was decoded and found sound: `measured` holds its canonical counts, area and box."""

    row: MaskRow
    measured: MeasuredMask


@dataclass(frozen=True, slots=True)
class ReadMask:
    """A mask as it was found in the file: counts not checked yet, or what was wrong with it."""

    counts: Any
    size: tuple[int, int]
    problem: str = ""


class Exporter(ABC):
    """Writes one format into `folder` under the base name `name`."""

    is_lossy = False
    has_masks_of_their_own = True  # False: masks are painted over each other, and pictures are compared instead
    wants_package = True

    def __init__(self, selection: Selection, folder: Path, name: str, tally: Tally) -> None:
        self.selection, self.options = selection, selection.options
        self.folder, self.name, self.tally = folder, name, tally
        self.package: Package | None = None
        self.beside: list[GrowingFile] = []  # files that grow beside the package
        self.links: GrowingFile | None = None  # the photos' addresses, where they are asked for and have no other place

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
        return ""

    def _open_package(self, position: Position | None) -> Package | None:
        if not self.wants_package and self.options.images != "copy":
            return None
        kind = self.options.container
        if kind == "auto":
            kind = "tar" if self.options.format == "sa1b" else "zip"
        if kind == "tar":
            return TarPackage(self.folder, self.name, position)
        return ZipPackage(self.folder, self.name, position)

    @property
    def entries(self) -> Package:
        """Return the package; only for formats and options that have one."""
        if self.package is None:
            raise RuntimeError("the exporter was not started, or writes no package")
        return self.package


def photo_url(image: ImageRow, base_url: str) -> str:
    """Return the address of a photo; whoever asks must be signed in or have a token."""
    return f"{base_url}/api/v1/images/{image.pk}/original?v={image.sha256[:12]}"


def dump(value: Any) -> bytes:
    """Return compact JSON; the same value makes the same bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def add_photo(
    package: Package, image: ImageRow, name: str, tally: Tally, *, size: tuple[int, int] | None = None
) -> None:
    """Put the photo into the package: as it was sent, or encoded anew where it must be turned or resized.

    size is (height, width) of the photo wanted; None keeps its own. A photo whose file is missing is noted.
    """
    try:
        with store.open_part(image.sha256, store.ORIGINAL) as file:
            if image.exif_orientation == 1 and size is None:
                package.add_file(name, file, _length(file))
                return
            data = _encode_anew(file, size)
    except FileNotFoundError:
        tally.note("photos_missing", image.file_name)
        return
    except PhotoRefusedError as error:
        tally.note("photos_unreadable", f"{image.file_name}: {error.message}")
        return
    if image.exif_orientation != 1:
        tally.note("photos_turned_upright", image.file_name)
    package.add(name, data)


def _encode_anew(file: IO[bytes], size: tuple[int, int] | None) -> bytes:
    from PIL import Image as Pillow

    with open_photo(file) as (picture, facts):
        upright = load_upright_rgb(picture, facts)
    if size is not None:
        upright = upright.resize((size[1], size[0]), Pillow.Resampling.LANCZOS)
    out = io.BytesIO()
    upright.save(out, "JPEG" if facts.format == "JPEG" else "PNG", quality=JPEG_QUALITY, subsampling=0)
    return out.getvalue()


def _length(file: IO[bytes]) -> int:
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(0)
    return size
