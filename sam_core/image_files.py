"""Photos on disk for the command line: finding them, and reading them upright as RGB.

Must not know: the model. The decoder is the one of uploads, sam_core.pictures.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sam_core.errors import InvalidImageError
from sam_core.pictures.brightness import USED, Window
from sam_core.pictures.errors import PictureRefusedError
from sam_core.pictures.kinds import SUFFIXES
from sam_core.pictures.opening import open_picture, refusing
from sam_core.pictures.pixels import load_upright_rgb
from sam_core.pictures.tiff_pages import copy_page, looks_like_tiff, shown_pages

# A person reads files of their own; the limit keeps a decompression bomb from filling the memory.
MAX_MEGAPIXELS = 1000


def find_images(path: Path) -> list[Path]:
    """Return the photo itself, or the photos of a folder by name (folders in it are not entered).

    Raises InvalidImageError when there is none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InvalidImageError(f"{path} is neither a file nor a folder")
    found = sorted(item for item in path.iterdir() if item.suffix.lower() in SUFFIXES)
    if not found:
        raise InvalidImageError(f"{path} holds no photo ({', '.join(sorted(SUFFIXES))})")
    return found


def read_image(path: Path, *, page: int | None = None, window: Window = USED) -> NDArray[np.uint8]:
    """Return a photo as upright RGB (H x W x 3, uint8); raises InvalidImageError for what cannot be decoded.

    page: which page of a TIFF, from 1; without it the file must hold one picture. window: which values beyond 8 bit
    are shown.
    """
    try:
        with ExitStack() as files:
            file: IO[bytes] = files.enter_context(path.open("rb"))
            file = file if page is None else files.enter_context(_page(file, page))
            picture, facts = files.enter_context(open_picture(file, max_megapixels=MAX_MEGAPIXELS))
            return np.array(load_upright_rgb(picture, facts, window))
    except PictureRefusedError as error:
        hint = " (--page NUMBER)" if error.code == "pages" else ""
        raise InvalidImageError(f"{path} cannot be read as a photo: {error}{hint}") from error
    except OSError as error:
        raise InvalidImageError(f"{path} cannot be read: {error.strerror or error}") from error


def _page(file: IO[bytes], page: int) -> IO[bytes]:
    with refusing(file):
        pages = shown_pages(file) if looks_like_tiff(file) else [0]
        if not 1 <= page <= len(pages):
            holds = "one page" if len(pages) == 1 else f"{len(pages)} pages"
            raise PictureRefusedError("no_such_page", f"it holds {holds}, no page {page}")
        return copy_page(file, pages[page - 1]) if looks_like_tiff(file) else file
