"""Picture files as microscopes, cameras and scanners write them, made byte by byte where Pillow would not."""

import base64
import io
import struct
from collections.abc import Sequence
from typing import Literal

import numpy as np
from PIL import Image

RIGHT_CORNERS = [[220, 20, 20], [20, 200, 20], [20, 20, 220], [250, 250, 250]]
# 64 x 48 pixels of (200, 30, 30), HEVC, as an encoder of phones writes it.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJpbG9jAAAA"
    "AERAAAEAAQAAAAABoQABAAAAAAAAAB0AAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADd"
    "aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAA"
    "AwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xh"
    "cAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAACVtZGF0AAAA"
    "GSgBrxOA9SeBP//gpUf/utZ4fg8Lfnny1PA="
)

# The scene of 60 x 40 pixels, stored turned, with EXIF orientation 6 and no word about it in the container.
HEIC_TURNED_BY_EXIF = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAADRpbG9jAAAAAERA"
    "AAIAAQAAAAAB4gABAAAAAAAAAXgAAgAAAAADWgABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQAC"
    "AABFeGlmAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAA"
    "AAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaA"
    "AAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAACgAAAABAAAAPAAAAAH////oAAAAAv////wAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAA"
    "AAAAAAEAAQWBAgMFhAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAABpG1kYXQAAAF0KAGvBjjxc+cu2Pf//+bPP//t7979/Nnzh+xn+2zNr6Xt8XMv"
    "JCPmVpJcDGwmGd/cR+Hn4yt67VdKdjNdmlWMhbYBeqp1iQMfxfpbMSOwpeFe8Zvkuh8440mPyGtJEegITysQX5ihjjqOpJT8Dcr73Xs2vIQ9bmOKcfGI"
    "IV5synDAgEHVvlPEIHgAEoqQdkdd7hTmEa8jgz0AAjsD57uXz6YfhvB/dc8dB+BDbFBVX8e1/zTEBAAIyaCmX7MkDApb4XV8DeZreMdP69Zg/uMUXjl9"
    "KR+1gU/G4i5s2s40H/kyrS3aG8P8iPhbN38n9n871fG/Bc/130Gv474MA+BrT/jhCPF/RSheEdAJgXs7o9GXfcpb6WuyVp14KhkbjsfqYbJYUDYUkXDR"
    "6bM6dVm6XDSPsVzlF+iLEi8wQhT6e0guk3537ZbRfQlhNudjp1Kf6cwLJ/wHMionPufvyUZ16Msh9bqhFOKFLvgzH5vjwz2SrBNAAAAABkV4aWYAAE1N"
    "ACoAAAAIAAEBEgADAAAAAQAGAAAAAAAA"
)


def turned_by_container() -> bytes:
    """Return the same HEIC as phones write it: the container turns the picture, and the EXIF entry says so too."""
    colour = struct.pack(">I4s", 19, b"colr") + b"nclx" + HEIC_TURNED_BY_EXIF.split(b"colrnclx", 1)[1][:7]
    turn = struct.pack(">I4sB", 19, b"irot", 3) + bytes(10)  # three quarters against the clock, after the crop
    data = HEIC_TURNED_BY_EXIF.replace(colour, turn)
    return data.replace(b"\x05\x81\x02\x03\x05\x84", b"\x05\x81\x03\x05\x84\x82")


def scene(width: int = 60, height: int = 40) -> np.ndarray:
    """Return a picture of four coloured quarters: red, green, blue, white (H x W x 3)."""
    quarters = np.array(RIGHT_CORNERS, np.uint8).reshape(2, 2, 3)
    return np.repeat(np.repeat(quarters, height // 2, axis=0), width // 2, axis=1)


def corners(pixels: np.ndarray) -> list[list[int]]:
    """Return the four corners, top left, top right, bottom left, bottom right, a little inside."""
    return [pixels[y, x].tolist() for y, x in ((2, 2), (2, -3), (-3, 2), (-3, -3))]


def tiff(
    *pages: np.ndarray,
    order: Literal["<", ">"] = "<",
    photometric: int | None = None,
    extra: Sequence[int] = (),
    subfiles: Sequence[int] = (),
    orientation: int = 1,
) -> bytes:
    """Return a TIFF of the pages, each H x W or H x W x bands; subfiles says what each page is (NewSubfileType)."""
    out = bytearray(b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0"
    pointer = 4
    for pixels, subfile in zip(pages, subfiles or [0] * len(pages), strict=True):
        bands = 1 if pixels.ndim == 2 else pixels.shape[2]
        place = len(out)
        data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
        out += data + b"\0" * (len(data) % 2)
        kind = {"u": 1, "i": 2, "f": 3, "c": 6}[pixels.dtype.kind]
        entries: dict[int, tuple[int, Sequence[int]]] = {
            254: (4, [subfile]),
            256: (3, [pixels.shape[1]]), 257: (3, [pixels.shape[0]]),
            258: (3, [pixels.dtype.itemsize * 8] * bands), 259: (3, [1]),
            262: (3, [(2 if bands >= 3 else 1) if photometric is None else photometric]),
            273: (4, [place]), 274: (3, [orientation]), 277: (3, [bands]), 278: (3, [pixels.shape[0]]),
            279: (4, [len(data)]), 338: (3, list(extra)), 339: (3, [kind] * bands),
        }  # fmt: skip
        entries = {number: entry for number, entry in entries.items() if entry[1]}
        fields = bytearray()
        for number, (form, values) in entries.items():
            packed = struct.pack(f"{order}{len(values)}{'H' if form == 3 else 'I'}", *values)
            if len(packed) > 4:
                at = len(out)
                out += packed + b"\0" * (len(packed) % 2)
                packed = struct.pack(f"{order}I", at)
            fields += struct.pack(f"{order}HHI", number, form, len(values)) + packed.ljust(4, b"\0")
        out[pointer : pointer + 4] = struct.pack(f"{order}I", len(out))
        out += struct.pack(f"{order}H", len(entries)) + fields
        pointer = len(out)
        out += b"\0\0\0\0"
    return bytes(out)


def stored_for(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return the pixels as a camera stores them so that `orientation` turns them back to `upright`."""
    back = {
        1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1), 6: lambda p: np.rot90(p, 1), 7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: np.rot90(p, -1),
    }  # fmt: skip
    return np.ascontiguousarray(back[orientation](upright))


def encoded(pixels: np.ndarray | Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file by Pillow."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind: str, orientation: int) -> bytes:
    """Return the scene in a format, stored so that its orientation entry turns it upright."""
    stored = stored_for(scene(), orientation)
    if kind == "TIFF":
        return tiff(stored, orientation=orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind in {"JPEG", "AVIF"} else {"lossless": True} if kind == "WEBP" else {}
    return encoded(stored, kind, exif=exif, **options)
