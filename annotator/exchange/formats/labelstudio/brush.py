"""Label Studio's brush strokes: runs of bytes, packed bit by bit (the "rle-pack" of thi.ng).

32 bits: number of values; 5 bits: bits a value less one; four times 4 bits: bits of a length less one. Then entries:
1 bit (1: one value many times, 0: so many values), 2 bits: which of the four, the length less one, the value or values.
The values are red, green, blue and alpha of each pixel, row by row; a pixel belongs to the mask where alpha is not 0.
Source: label-studio-sdk, converter/brush.py (Apache-2.0). Must not know: JSON, files.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHANNELS = 4
_VALUE_BITS = 8
_LENGTH_BITS = (3, 6, 11, 16)
_HEADER_BITS = 32 + 5 + 4 * 4


class BrokenBrushError(ValueError):
    """Bytes that are no brush stroke of the size they should be."""


def pack_brush(mask: "NDArray[np.bool_]") -> list[int]:
    """Return the bytes of a mask, H x W."""
    import numpy as np

    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.concatenate(([0], edges))
    lengths = (np.diff(starts, append=flat.size) * CHANNELS).tolist()
    bits = [f"{flat.size * CHANNELS:032b}{_VALUE_BITS - 1:05b}", *(f"{length - 1:04b}" for length in _LENGTH_BITS)]
    for value, length in zip(flat[starts].tolist(), lengths, strict=True):
        bits += _run(255 if value else 0, length)
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8))


def _run(value: int, length: int) -> Iterator[str]:
    most = 1 << _LENGTH_BITS[-1]
    while length > 0:
        part = min(length, most)
        kind = next(place for place, bits in enumerate(_LENGTH_BITS) if part <= 1 << bits)
        yield f"1{kind:02b}{part - 1:0{_LENGTH_BITS[kind]}b}{value:08b}"
        length -= part


def unpack_brush(data: Sequence[int], size: tuple[int, int]) -> "NDArray[np.bool_]":
    """Return the mask, H x W, of bytes for a photo of (height, width); raise BrokenBrushError."""
    import numpy as np

    try:
        bits = _Bits(bytes(data))
    except (TypeError, ValueError) as error:
        raise BrokenBrushError("it is no list of bytes") from error
    count = bits.read(32)
    if count != size[0] * size[1] * CHANNELS:
        raise BrokenBrushError(f"it holds {count} values, a photo of {size[1]} x {size[0]} has another number")
    mask = np.zeros(size[0] * size[1], np.bool_)
    for start, stop in _foreground(bits, count):
        # Alpha is the last of four values: pixel p is set where 4 p + 3 lies in the run.
        mask[start // CHANNELS : stop // CHANNELS] = True
    return mask.reshape(size)


def _foreground(bits: "_Bits", count: int) -> Iterator[tuple[int, int]]:
    """Yield runs of values that are not 0, as [first, stop)."""
    value_bits = bits.read(5) + 1
    length_bits = [bits.read(4) + 1 for _ in range(4)]
    at = 0
    while at < count:
        is_run = bits.read(1)
        length = bits.read(length_bits[bits.read(2)]) + 1
        if at + length > count:
            raise BrokenBrushError("its runs are longer than the photo")
        if is_run:
            if bits.read(value_bits):
                yield at, at + length
        else:
            for place in range(at, at + length):
                if bits.read(value_bits):
                    yield place, place + 1
        at += length


class _Bits:
    """Reads numbers of so many bits."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, count: int) -> int:
        """Return the next number."""
        end = self._at + count
        if end > 8 * len(self._data):
            raise BrokenBrushError("it is cut off")
        piece = self._data[self._at >> 3 : (end + 7) >> 3]
        self._at = end
        return (int.from_bytes(piece) >> (-end % 8)) & ((1 << count) - 1)
