"""Pascal VOC 2012: JPEGImages, Annotations (XML with boxes), SegmentationClass and SegmentationObject (PNG), ImageSets.

Pixels of SegmentationObject are the places of the objects in the XML, those of SegmentationClass the labels' numbers;
both have VOC's palette, and labelmap.txt says which label each colour is (as CVAT and datumaro read it). Boxes count
pixels from 1 and hold their last one, as the development kit says. Masks are painted over each other in their order.
Source: host.robots.ox.ac.uk/pascal/VOC/voc2012 (development kit).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from annotator.exchange.base.painted_writing import PaintedWriter, encode_palette, numbered
from annotator.exchange.base.rows import ImageRow
from annotator.exchange.base.writing import CheckedMask
from annotator.exchange.files.packages import GrowingFile, Position
from annotator.exchange.files.xml_stream import tag
from annotator.exchange.formats.voc.palette import MOST_NUMBERS, PALETTE, color_of
from annotator.exchange.options import SPLITS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SETS = ("Main", "Segmentation")


class VocWriter(PaintedWriter):
    """Writes an XML and two pictures an image; the lists of the splits grow beside the package."""

    most_masks = MOST_NUMBERS
    pictures_an_image = 2
    picture_folders = ("SegmentationClass", "SegmentationObject")

    def open(self, positions: dict[str, Position]) -> None:
        """Write the table of colours first."""
        super().open(positions)
        labels = enumerate(self.selection.labels, 1)
        self._numbers = {label.pk: place for place, label in labels}  # their lines in labelmap.txt, from 0
        self._lists = {
            split: GrowingFile(self.folder / f"{split}.part", positions.get(f"list.{split}")) for split in SPLITS
        }
        self.beside += list(self._lists.values())
        if not positions:
            self.entries.add("labelmap.txt", self._labelmap())

    def write_image(self, image: ImageRow, masks: Sequence[CheckedMask]) -> list[CheckedMask]:
        """Write one image; masks without a label have no class and are left out."""
        painted, places = self.lay(image, [mask for mask in masks if self._has_class(mask, image)])
        stem = self.own_stem(image)
        self._add_picture(
            f"SegmentationClass/{stem}.png", numbered(places, [self._number(m) for m in painted], "uint8")
        )
        self._add_picture(f"SegmentationObject/{stem}.png", places.astype("uint8"))
        self.entries.add(f"Annotations/{stem}.xml", self._describe(image, painted).encode())
        self._lists[image.split if image.split in SPLITS else "train"].write(f"{stem}\n".encode())
        self.photo(image, f"JPEGImages/{image.paired_name}")
        return painted

    def checkpoint(self) -> dict[str, Position]:
        """Flush all files."""
        lists = {f"list.{split}": file.checkpoint() for split, file in self._lists.items()}
        return {**super().checkpoint(), **lists}

    def close(self) -> list[Path]:
        """Add the lists of the splits and finish the package."""
        for split, file in self._lists.items():
            file.close()
            for kind in _SETS:
                with file.path.open("rb") as lines:
                    self.entries.add_file(f"ImageSets/{kind}/{split}.txt", lines, file.path.stat().st_size)
        return super().close()

    def _number(self, mask: CheckedMask) -> int:
        return self._numbers.get(mask.row.label_pk or 0, 0)

    def _has_class(self, mask: CheckedMask, image: ImageRow) -> bool:
        number = self._number(mask)
        if 0 < number <= MOST_NUMBERS:
            return True
        reason = _("no label, so no class")
        if number:
            reason = _("its label is number %(number)s; %(most)s are possible") % {
                "number": number,
                "most": MOST_NUMBERS,
            }
        self.tally.leave_out(mask=mask.row.pk, image=image.file_name, reason=reason)
        return False

    def _add_picture(self, name: str, pixels: "NDArray[np.uint8]") -> None:
        self.add_picture(name, encode_palette(pixels, PALETTE), pixels.astype("uint16"))

    def _labelmap(self) -> bytes:
        names = ["background", *(label.name for label in self.selection.labels)][: MOST_NUMBERS + 1]
        lines = ["# label:color_rgb:parts:actions"]
        for number, name in enumerate(names):
            lines.append(f"{name.replace(':', ' ')}:{','.join(map(str, color_of(number)))}::")
        return ("\n".join(lines) + "\n").encode("utf-8", "replace")

    def _describe(self, image: ImageRow, masks: Sequence[CheckedMask]) -> str:
        names = {label.pk: label.name for label in self.selection.labels}
        name = image.paired_name if self.options.images == "copy" else image.file_name
        lines = [
            tag("annotation", close=False),
            "  " + tag("folder", text="JPEGImages"),
            "  " + tag("filename", text=name),
            "  <source>" + tag("database", text=self.selection.project_name) + "</source>",
            f"  <size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>",
            "  <segmented>1</segmented>",
            *(_object(mask, names[mask.row.label_pk or 0]) for mask in masks),
            "</annotation>\n",
        ]
        return "\n".join(lines)


def _object(mask: CheckedMask, name: str) -> str:
    x, y, width, height = mask.measured.bbox_xywh
    sides: dict[str, object] = {"xmin": x + 1, "ymin": y + 1, "xmax": x + width, "ymax": y + height}
    box = "".join(f"<{side}>{value}</{side}>" for side, value in sides.items())
    difficult = int(mask.row.attributes.get("difficult") is True)
    rest = f"<pose>Unspecified</pose><truncated>0</truncated><difficult>{difficult}</difficult><bndbox>{box}</bndbox>"
    return f"  <object>{tag('name', text=name)}{rest}</object>"
