"""HEIC: recognised here, decoded by a process of its own (heif_child.py says why)."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sam_core.pictures.errors import PictureRefusedError

CHILD = Path(__file__).with_name("heif_child.py")
SECONDS = 90
TOO_MANY_PIXELS = 3
_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def looks_like_heif(file: IO[bytes]) -> bool:
    """Say whether the file starts as a HEIC does, whatever its name; an AVIF, of the same family, does not."""
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS and b"avif" not in head


@contextmanager
def decoded_apart(file: IO[bytes], *, max_megapixels: float) -> Iterator[IO[bytes]]:
    """Yield the picture of a HEIC as a TIFF with its orientation and profile; raise PictureRefusedError."""
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        file.seek(0)
        shutil.copyfileobj(file, source, 1 << 20)
        source.seek(0)
        command = [sys.executable, "-I", str(CHILD), str(int(max_megapixels * 1_000_000))]
        try:
            child = subprocess.run(
                command, stdin=source, stdout=target, stderr=subprocess.DEVNULL, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise PictureRefusedError("damaged", "The HEIC takes too long to decode.") from error
        target.seek(0)
        if child.returncode == TOO_MANY_PIXELS:
            size = target.read(100).decode("ascii", "replace")
            limit = f"{max_megapixels:g} megapixels are the limit"
            raise PictureRefusedError("too_many_pixels", f"The image has {size} pixels; {limit}.")
        if child.returncode != 0:
            raise PictureRefusedError("damaged", "The HEIC is cut off or damaged.")
        yield target
