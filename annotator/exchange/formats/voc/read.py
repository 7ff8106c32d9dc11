"""Pascal VOC: an XML an image, with SegmentationObject and SegmentationClass where there are masks.

Pictures may have a palette (numbers) or be in colour, as CVAT and datumaro write them; labelmap.txt says which label a
colour or number is, and without it the twenty classes of VOC are meant. An object of the picture is the object of the
XML at its place, unless the picture of the labels says something else. Objects without pixels are boxes only.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from annotator.exchange.base.reading import (
    MAX_LABEL_LENGTH,
    FileCategory,
    FileImage,
    FileMask,
    Problem,
    Reader,
    name_of,
    text_of,
)
from annotator.exchange.files.index_pictures import number_of_color, read_numbers
from annotator.exchange.files.source import BrokenFileError, Entry, Source
from annotator.exchange.files.xml_stream import BrokenXmlError, XmlElement, read_elements
from annotator.exchange.formats.voc.palette import VOID, color_of
from annotator.exchange.options import SPLITS
from annotator.mask_gateway import counts_of_numbers
from annotator.photos.naming import stem_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Size = tuple[int, int]
_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_OBJECTS, _LABELS = "SegmentationObject", "SegmentationClass"


class VocReader(Reader):
    """Reads Annotations/NAME.xml and the pictures of the same name."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._sizes: dict[str, Size] = {}
        self._pictures = {
            _place(entry): entry for entry in source.named(".png") if _place(entry)[0] in (_OBJECTS, _LABELS)
        }
        self._names: dict[bool, dict[int, str]] = {False: {}, True: {}}  # of labels, by number and by colour

    @classmethod
    def recognise(cls, source: Source) -> str:
        """Say which XML is the first that is an annotation of VOC."""
        for entry in source.first(".xml"):
            try:
                with source.open(entry) as file:
                    if next(read_elements(file, ["bndbox", "segmented"]), None) is not None:
                        return _("Pascal VOC XML (%(name)s, ...)") % {"name": entry.name}
            except (BrokenXmlError, BrokenFileError):
                continue
        return ""

    def outline(self) -> Iterator[FileCategory | FileImage | Problem]:
        """Yield one image an XML, and each label where it comes first."""
        self.mask_count = 0
        self._read_labelmap()
        known: set[str] = set()
        splits = self._read_splits()
        for entry in self._xmls():
            try:
                page = self._page(entry)
            except (BrokenXmlError, BrokenFileError) as error:
                yield Problem(entry.name, "broken_xml", str(error))
                continue
            names = [
                name_of(row.text_at("name"), limit=MAX_LABEL_LENGTH) for row in page.children if row.tag == "object"
            ]
            self.mask_count += len(names)
            stem = stem_of(_place(entry)[1])
            if any((kind, f"{stem}.png") in self._pictures for kind in (_OBJECTS, _LABELS)):
                names += [name for number, name in self._names[False].items() if number and number != VOID]
            for name in dict.fromkeys(names):
                if name and name not in known:
                    known.add(name)
                    yield FileCategory(name, name)
            width, height = (_whole(page.text_at("size", side)) for side in ("width", "height"))
            name = text_of(page.text_at("filename")).replace("\\", "/") or stem
            folder, slash, _last = stem.rpartition("/")
            if slash and "/" not in name:  # day1/a.xml is about day1/a.png
                name = f"{folder}/{name}"
            yield FileImage(entry.name, name, width=width or None, height=height or None, split=splits.get(stem, ""))

    def masks(self) -> Iterator[FileMask | Problem]:
        """Yield the objects of each picture, then those of the XML that have no pixels."""
        for entry in self._xmls():
            try:
                objects = [row for row in self._page(entry).children if row.tag == "object"]
            except (BrokenXmlError, BrokenFileError):
                continue  # the outline named it already
            yield from self._masks_of(entry, objects)

    def use_size(self, image_key: str, size: Size) -> None:
        """Learn a photo's size: a picture that claims another is not unpacked."""
        self._sizes[image_key] = size

    def _xmls(self) -> Iterator[Entry]:
        return iter(self.source.entries) if self.source.kind == "file" else self.source.named(".xml")

    def _page(self, entry: Entry) -> XmlElement:
        with self.source.open(entry) as file:
            for page in read_elements(file, ["annotation"]):
                return page
        raise BrokenXmlError(_("It is no annotation of Pascal VOC."))

    def _masks_of(self, entry: Entry, objects: list[XmlElement]) -> Iterator[FileMask | Problem]:
        size = self._sizes.get(entry.name)
        stem = stem_of(_place(entry)[1])
        by_object, by_label = (self._pictures.get((kind, f"{stem}.png")) for kind in (_OBJECTS, _LABELS))
        seen: set[int] = set()
        if size is None and (by_object or by_label):
            yield FileMask(entry.name, None, entry.name, None)  # its photo is not taken: named already
            return
        if size is not None and by_object is not None:
            for number, found in self._objects_of(entry, objects, size, by_object, by_label):
                seen.add(number)
                yield found
        elif size is not None and by_label is not None:
            yield from self._labels_of(entry, by_label, size)
            return
        for number, row in enumerate(objects, 1):
            if number not in seen:
                name = name_of(row.text_at("name"), limit=MAX_LABEL_LENGTH)
                yield Problem(
                    f"{entry.name} object {number}",
                    "no_mask",
                    _("“%(label)s” is a box without a mask.") % {"label": name},
                )

    def _objects_of(
        self, entry: Entry, objects: list[XmlElement], size: Size, by_object: Entry, by_label: Entry | None
    ) -> Iterator[tuple[int, FileMask | Problem]]:
        """Yield places in the XML with their masks; every place with the reason where the picture is not readable."""
        read = read_numbers(self.source, by_object, size, may_be_colored=True)
        if isinstance(read, str):
            for number in range(1, len(objects) + 1):
                yield number, Problem(f"{by_object.name} object {number}", "bad_image", read)
            return
        pixels, is_colored = read
        painted = self._painted_names(by_label, size, pixels)
        for value, counts in counts_of_numbers(pixels):
            number = _number_of(value, is_colored=is_colored)
            if number == VOID:
                continue
            row = objects[number - 1] if number <= len(objects) else None
            name = _agreed_name(row, painted.get(value, ""))
            is_difficult = row is not None and row.text_at("difficult") == "1"
            fields = {"attributes": {"difficult": True} if is_difficult else {}}
            place = f"{by_object.name} object {number}"
            yield number, FileMask(place, None, entry.name, name, counts=counts, size=list(size), fields=fields)

    def _labels_of(self, entry: Entry, by_label: Entry, size: Size) -> Iterator[FileMask | Problem]:
        read = read_numbers(self.source, by_label, size, may_be_colored=True)
        if isinstance(read, str):
            yield Problem(by_label.name, "bad_image", read)
            return
        pixels, is_colored = read
        for value, counts in counts_of_numbers(pixels):
            if _number_of(value, is_colored=is_colored) != VOID:
                name = self._names[is_colored].get(value)
                place = f"{by_label.name} number {value}"
                yield FileMask(place, None, entry.name, name, counts=counts, size=list(size))

    def _painted_names(self, entry: Entry | None, size: Size, objects: "NDArray[np.uint32]") -> dict[int, str]:
        """Return the commonest label that is painted under each object."""
        import numpy as np

        read = read_numbers(self.source, entry, size, may_be_colored=True) if entry is not None else ""
        if isinstance(read, str):
            return {}
        labels, is_colored = read
        pairs, counts = np.unique((objects.astype(np.uint64) << np.uint64(32)) | labels, return_counts=True)
        names = self._names[is_colored]
        order = np.argsort(counts, kind="stable")  # the commonest comes last and stays
        return {int(pair) >> 32: names.get(int(pair) & 0xFFFFFFFF, "") for pair in pairs[order]}

    def _read_labelmap(self) -> None:
        entry = next((e for e in self.source.named(".txt") if _place(e)[1] == "labelmap.txt"), None)
        rows = _labelmap_rows(self.source, entry) if entry is not None else list(_CLASSES)
        for number, row in enumerate(rows):
            name, color = row if isinstance(row, tuple) else (row, color_of(number))
            self._names[False][number] = name
            if color is not None:
                self._names[True][number_of_color(color)] = name

    def _read_splits(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for entry in self.source.named(".txt"):
            parts = entry.name.replace("\\", "/").split("/")
            split = stem_of(parts[-1])
            if "ImageSets" in parts[:-1] and split in SPLITS:
                with self.source.open(entry) as file:
                    while line := file.readline(2000):
                        found.setdefault(text_of(line.decode("utf-8", "replace")).split(" ")[0], split)
        return found


_BY_COLOR = {number_of_color(color_of(number)): number for number in range(1, 256)}


def _number_of(value: int, *, is_colored: bool) -> int:
    """Return the number that a pixel stands for; a colour that VOC does not know stands for none in the XML."""
    return _BY_COLOR.get(value, value + 2**24) if is_colored else value


def _agreed_name(row: XmlElement | None, painted: str) -> str | None:
    """Return the label of an object: what the XML says, or the picture of the labels where that is another."""
    said = name_of(row.text_at("name"), limit=MAX_LABEL_LENGTH) if row is not None else ""
    if painted and painted not in (said, said.replace(":", " ")):
        return painted
    return said or None


def _place(entry: Entry) -> tuple[str, str]:
    """Return the folder that decides and the path below it: SegmentationObject, day1/a.png."""
    parts = entry.name.replace("\\", "/").split("/")
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] in (_OBJECTS, _LABELS, "Annotations"):
            return parts[at], "/".join(parts[at + 1 :])
    return "", parts[-1]


def _labelmap_rows(source: Source, entry: Entry) -> list[tuple[str, tuple[int, int, int] | None]]:
    lines = source.read_small(entry, 2**20).decode("utf-8", "replace").splitlines()
    return [_labelmap_row(line.split(":")) for line in lines if line.strip() and not line.startswith("#")]


def _labelmap_row(cells: list[str]) -> tuple[str, tuple[int, int, int] | None]:
    channels = [int(cell) for cell in cells[1].split(",") if _whole(cell.strip()) is not None] if len(cells) > 1 else []
    color = (channels[0], channels[1], channels[2]) if len(channels) == 3 else None
    return name_of(cells[0], limit=MAX_LABEL_LENGTH), color


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= 9 else None
