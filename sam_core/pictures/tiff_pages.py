"""TIFF files of many pages: which pages there are, and one page as a TIFF of its own, without decoding it.

A page's tags and its strips or tiles are copied byte by byte, so nothing of it is lost; previews of lower resolution
and masks inside the file (NewSubfileType) are no pages. Source: Adobe, TIFF Revision 6.0, and the BigTIFF layout.
"""

import io
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from sam_core.pictures.errors import PictureRefusedError

MAX_PAGES = 1000
MAX_TAGS = 4096
MAX_VALUE_BYTES = 64 << 20
_COPY_BYTES = 1 << 20
_SUBFILE_TYPE, _BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = 254, 258, 262, 277, 339
_DATA = {273: 279, 324: 325}  # offsets of strips and tiles, and the tags of their lengths
_POINTERS = frozenset({330, 513, 514, 34665, 34853, 40965})  # they point at parts of the file that are not copied
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}


@dataclass(frozen=True)
class TiffTag:
    """One entry of a directory; `data` are its values as they lie in the file."""

    number: int
    kind: int
    count: int
    data: bytes


class _Layout:
    """Where the numbers lie: classic or BigTIFF, little- or big-endian."""

    def __init__(self, head: bytes) -> None:
        self.order = "<" if head[:2] == b"II" else ">"
        (version,) = struct.unpack(self.order + "H", head[2:4])
        self.is_big = version == 43
        self.offset = "Q" if self.is_big else "I"
        self.count = "Q" if self.is_big else "H"
        self.entry = struct.Struct(self.order + ("HHQ8s" if self.is_big else "HHI4s"))
        self.inline = 8 if self.is_big else 4
        self.first_at = 8 if self.is_big else 4

    def read(self, file: IO[bytes], code: str) -> int:
        form = struct.Struct(self.order + code)
        (value,) = form.unpack(file.read(form.size))
        return int(value)

    def head(self) -> bytes:
        mark = b"II" if self.order == "<" else b"MM"
        return mark + struct.pack(self.order + ("HHH" if self.is_big else "H"), *((43, 8, 0) if self.is_big else (42,)))


def looks_like_tiff(file: IO[bytes]) -> bool:
    """Say whether the file starts as a TIFF does, whatever its name."""
    file.seek(0)
    head = file.read(4)
    file.seek(0)
    return head in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}


def shown_pages(file: IO[bytes]) -> list[int]:
    """Return where the pages' directories lie; raise PictureRefusedError above MAX_PAGES or for a damaged file."""
    layout = _layout(file)
    found: list[int] = []
    others: list[int] = []
    for offset, tags in _directories(file, layout, {_SUBFILE_TYPE}):
        kind = next((_numbers(tag, layout)[0] for tag in tags if tag.count and tag.kind in _INTEGERS), 0)
        (others if kind & 0b101 else found).append(offset)
    return found or others[:1]


def copy_page(file: IO[bytes], offset: int) -> IO[bytes]:
    """Return the page whose directory lies at `offset` as a file of its own; raise PictureRefusedError."""
    layout = _layout(file)
    file.seek(0, io.SEEK_END)
    length = file.tell()
    try:
        tags, _ = _read_directory(file, layout, offset, None)
        out = tempfile.TemporaryFile()  # noqa: SIM115 - handed to the caller, who closes it
        out.write(layout.head() + b"\0" * struct.calcsize(layout.offset))
        tags = [_move_data(file, out, tag, tags, layout, length) for tag in tags if tag.number not in _POINTERS]
        _write_directory(out, tags, layout)
    except (struct.error, IndexError, OverflowError, ValueError) as error:
        raise PictureRefusedError("damaged", "The page of the TIFF is cut off or damaged.") from error
    out.seek(0)
    return out


def describe_pixels(file: IO[bytes]) -> str:
    """Say in words what the first page's pixels are; raise struct.error and the like for a damaged file."""
    layout = _layout(file)
    file.seek(layout.first_at)
    wanted = {_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT}
    tags, _ = _read_directory(file, layout, layout.read(file, layout.offset), wanted)
    values = {tag.number: _numbers(tag, layout)[0] for tag in tags}
    samples, bits = values.get(_SAMPLES, 1), values.get(_BITS, 1)
    kind = {2: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}.get(values.get(_SAMPLE_FORMAT, 1), "")
    return f"{samples} band{'' if samples == 1 else 's'} of {bits}-bit {kind}numbers"


def _layout(file: IO[bytes]) -> _Layout:
    file.seek(0)
    head = file.read(8)
    if len(head) < 8:
        raise PictureRefusedError("damaged", "The TIFF is cut off.")
    return _Layout(head)


def _directories(file: IO[bytes], layout: _Layout, wanted: set[int]) -> Iterator[tuple[int, list[TiffTag]]]:
    visited: set[int] = set()
    try:
        file.seek(layout.first_at)
        offset = layout.read(file, layout.offset)
        while offset and offset not in visited:
            if len(visited) == MAX_PAGES:
                raise PictureRefusedError("too_many_pages", f"The TIFF holds more than {MAX_PAGES} pages.")
            visited.add(offset)
            tags, after = _read_directory(file, layout, offset, wanted)
            yield offset, tags
            offset = after
    except (struct.error, IndexError, OverflowError, ValueError) as error:
        raise PictureRefusedError("damaged", "The TIFF is cut off or damaged.") from error


def _read_directory(
    file: IO[bytes], layout: _Layout, offset: int, wanted: set[int] | None
) -> tuple[list[TiffTag], int]:
    """Return a directory's tags, all or the wanted ones, and where the next directory lies."""
    file.seek(offset)
    count = layout.read(file, layout.count)
    if count > MAX_TAGS:
        raise PictureRefusedError("damaged", "The TIFF is damaged: a page of it has too many tags.")
    block = file.read(count * layout.entry.size)
    after = layout.read(file, layout.offset)
    entries = [layout.entry.unpack_from(block, n * layout.entry.size) for n in range(count)]
    chosen = [entry for entry in entries if wanted is None or entry[0] in wanted]
    return [_read_tag(file, layout, *entry) for entry in chosen if entry[1] in _TYPE_BYTES], after


def _read_tag(file: IO[bytes], layout: _Layout, number: int, kind: int, count: int, field: bytes) -> TiffTag:
    size = count * _TYPE_BYTES[kind]
    if size > MAX_VALUE_BYTES:
        raise PictureRefusedError("damaged", f"The TIFF is damaged: its tag {number} is too long.")
    if size > layout.inline:
        (place,) = struct.unpack(layout.order + layout.offset, field)
        file.seek(place)
        field = file.read(size)
        if len(field) < size:
            raise PictureRefusedError("damaged", "The TIFF is cut off.")
    return TiffTag(number, kind, count, field[:size])


def _numbers(tag: TiffTag, layout: _Layout) -> tuple[int, ...]:
    return struct.unpack(f"{layout.order}{tag.count}{_INTEGERS[tag.kind]}", tag.data)


def _move_data(
    file: IO[bytes], out: IO[bytes], tag: TiffTag, tags: list[TiffTag], layout: _Layout, length: int
) -> TiffTag:
    """Copy the strips or tiles that a tag points at and return the tag with their new places; others as they are."""
    if tag.number not in _DATA:
        return tag
    sizes = [_numbers(other, layout) for other in tags if other.number == _DATA[tag.number]]
    places = _numbers(tag, layout)
    if len(sizes) != 1 or len(sizes[0]) != len(places) or sum(sizes[0]) > length:
        raise PictureRefusedError("damaged", "The TIFF is damaged: its pixels do not lie where it says.")
    moved = [_copy(file, out, place, size) for place, size in zip(places, sizes[0], strict=True)]
    kind = 16 if layout.is_big else 4
    return TiffTag(tag.number, kind, len(moved), struct.pack(f"{layout.order}{len(moved)}{_INTEGERS[kind]}", *moved))


def _copy(file: IO[bytes], out: IO[bytes], place: int, size: int) -> int:
    begun = out.tell()
    file.seek(place)
    while size and (chunk := file.read(min(size, _COPY_BYTES))):
        out.write(chunk)
        size -= len(chunk)
    out.write(b"\0" * (out.tell() % 2))
    return begun


def _write_directory(out: IO[bytes], tags: list[TiffTag], layout: _Layout) -> None:
    entries: list[tuple[Any, ...]] = []
    for tag in tags:
        field = tag.data
        if len(field) > layout.inline:
            field = struct.pack(layout.order + layout.offset, out.tell())
            out.write(tag.data + b"\0" * (len(tag.data) % 2))
        entries.append((tag.number, tag.kind, tag.count, field.ljust(layout.inline, b"\0")))
    begun = out.tell()
    out.write(struct.pack(layout.order + layout.count, len(entries)))
    out.write(b"".join(layout.entry.pack(*entry) for entry in entries))
    out.write(struct.pack(layout.order + layout.offset, 0))
    out.seek(layout.first_at)
    out.write(struct.pack(layout.order + layout.offset, begun))
