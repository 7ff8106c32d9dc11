"""YOLO-seg: a text file an image, a line a mask: `class x y x y ...` relative to the photo's size, classes from 0.

One line is one ring, so parts are joined by cuts of no width, as holes are. The numbers have enough digits to give
back the very corners. Source: docs.ultralytics.com (segmentation data sets).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from django.utils.translation import gettext as _

from annotator.exchange.base.rings import join_parts
from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask, ReadMask, Writer
from annotator.exchange.files.json_lines import mended_text
from annotator.exchange.files.packages import GrowingFile, Position, entries_of
from annotator.exchange.options import SPLITS
from annotator.mask_gateway import counts_from_polygons, polygons_from_counts
from annotator.sam_gateway import MaskRefusedError


class YoloWriter(Writer):
    """Writes data.yaml, labels/SPLIT/NAME.txt and images/SPLIT/NAME."""

    is_lossy = True

    def open(self, positions: dict[str, Position]) -> None:
        """Write data.yaml first; sizes are noted beside the package, for reading back."""
        self._sizes = GrowingFile(self.folder / "sizes.part", positions.get("sizes"))
        self.beside = [self._sizes]
        if not positions:
            self.entries.add("data.yaml", self._data_yaml())
            for split in SPLITS:  # every folder that data.yaml names is there, also where no photo is in it
                self.entries.add_folder(f"images/{split}")
                self.entries.add_folder(f"labels/{split}")

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write the image's lines; masks without a label have no class and are left out."""
        split = image.split if image.split in SPLITS else "train"
        written, lines = [], []
        for mask in masks:
            number = self.selection.class_numbers.get(mask.row.label_pk or 0)
            if number is None:
                self.tally.leave_out(mask=mask.row.pk, image=image.file_name, reason=_("no label, so no class"))
                continue
            polygons = polygons_from_counts(mask.measured.counts, image.size, tolerance_px=self.options.tolerance_px)
            lines.append(f"{number} {_relative(join_parts(polygons), image)}\n")
            written.append(mask)
        self.entries.add(f"labels/{split}/{plain_folders(self.own_stem(image))}.txt", "".join(lines).encode())
        self._sizes.write(f"{image.height} {image.width}\n".encode())
        self.photo(image, f"images/{split}/{plain_folders(image.paired_name)}")
        return written

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        return {**super().checkpoint(), "sizes": self._sizes.checkpoint()}

    def close(self) -> list[Path]:
        """Finish the package."""
        self._sizes.close()
        return self.close_package()

    def read_back(self, paths: list[Path]) -> Iterator[ReadMask]:
        """Parse and fill every line."""
        with (self.folder / "sizes.part").open("rb") as sizes:
            for name, file in entries_of(paths):
                if name.startswith("labels/"):
                    height, width = sizes.readline().split()
                    for line in file.read().decode().splitlines():
                        yield read_line(line, (int(height), int(width)))

    def loss_words(self) -> str:
        """Say what the format has no place for."""
        words = super().loss_words()
        if self.options.tolerance_px:
            words += " " + _("Outlines were simplified by up to %(px)s px.") % {"px": self.options.tolerance_px}
        return words

    def _data_yaml(self) -> bytes:
        """Return data.yaml. Without `path`, ultralytics looks for the splits beside it, wherever it is called from."""
        names = [f"  {number}: {quoted(name)}" for number, name in enumerate(self.selection.class_names)]
        head = [*(f"{split}: images/{split}" for split in SPLITS), "names:"]
        return ("\n".join(head + names) + "\n").encode()


def plain_folders(path: str) -> str:
    """Return a path whose folders are not called images or labels: ultralytics takes the last such folder for its own.

    >>> plain_folders("images/day1/labels.png")
    'images~/day1/labels.png'
    """
    *folders, name = path.split("/")
    return "/".join([*(f"{folder}~" if folder in {"images", "labels"} else folder for folder in folders), name])


def quoted(text: str) -> str:
    """Return a text as YAML reads it back, in double quotes; what is not printable is escaped."""
    return '"' + "".join(_escaped(c) for c in mended_text(text)) + '"'


def read_line(line: str, size: tuple[int, int]) -> ReadMask:
    """Return the mask of one line at (height, width); corners within a thousandth of a pixel are taken as meant."""
    try:
        numbers = [float(word) for word in line.split()[1:]]
        polygon = [_corner(value, size[1 - index % 2]) for index, value in enumerate(numbers)]
        return ReadMask(counts_from_polygons([polygon], size), size)
    except (ValueError, OverflowError, MaskRefusedError) as error:
        return ReadMask(None, size, problem=str(error))


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _corner(value: float, side: int) -> float:
    pixels = value * side
    return float(round(pixels)) if abs(pixels - round(pixels)) < 1e-3 else pixels


def _relative(ring: list[tuple[float, float]], image: ImageRow) -> str:
    return " ".join(f"{x / image.width:.9g} {y / image.height:.9g}" for x, y in ring)
