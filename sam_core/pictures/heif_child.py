"""Decode one HEIC from standard input to an uncompressed TIFF on standard output, in a process of its own.

Started by heif.py as a script, so it imports nothing of sam_core. libheif is C++ and damaged files make it crash
(pi-heif 1.4.0, libheif 1.23.0): what crashes is this process, not the server. Exit status 3: too many pixels.
Argument: the largest number of pixels.
"""

import io
import resource
import struct
import sys

import pi_heif
from PIL import Image

SECONDS, MEMORY_BYTES = 60, 4 << 30
TOO_MANY_PIXELS = 3
MAX_BOXES = 64
ORIENTATION_TAG = 274


def main() -> int:
    """Read, decode, write."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=2)
    Image.MAX_IMAGE_PIXELS = None
    data = sys.stdin.buffer.read()
    with Image.open(io.BytesIO(data), formats=("HEIF",)) as picture:
        if picture.width * picture.height > int(sys.argv[1]):
            sys.stdout.write(f"{picture.width} x {picture.height}")
            return TOO_MANY_PIXELS
        orientation = left_to_turn(picture, data)
        picture.load()
        converted = picture if picture.mode in {"L", "LA", "RGB", "RGBA"} else picture.convert("RGB")  # modes of TIFF
        out = io.BytesIO()
        converted.save(out, "TIFF", exif=b"", tiffinfo={ORIENTATION_TAG: orientation})
    sys.stdout.buffer.write(out.getbuffer())
    return 0


def left_to_turn(picture: Image.Image, data: bytes) -> int:
    """Return the EXIF orientation that decoding leaves to be applied: 1 where libheif turns the picture.

    Phones write both, and the container's own boxes (irot, imir) count; some encoders write the EXIF entry alone.
    Source: ISO/IEC 23008-12, 6.5.10 and 6.5.12.
    """
    orientation = picture.info.get("original_orientation") or 1
    meta = meta_box(data)
    is_turned = b"irot" in meta or b"imir" in meta
    return 1 if is_turned or orientation not in range(2, 9) else int(orientation)


def meta_box(data: bytes) -> bytes:
    """Return the box that says what the file holds."""
    place = 0
    for _ in range(MAX_BOXES):
        if len(data) < place + 8:
            break
        size, kind = struct.unpack_from(">I4s", data, place)
        if size == 1 and len(data) >= place + 16:
            (size,) = struct.unpack_from(">Q", data, place + 8)
        if kind == b"meta":
            return data[place : place + size] if size else data[place:]
        if size < 8:
            break
        place += size
    return b""


if __name__ == "__main__":
    sys.exit(main())
