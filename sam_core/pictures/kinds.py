"""The kinds of picture files that are read: their plugins, names, endings and MIME types."""

import logging
import warnings

from PIL import (  # noqa: F401  (a plugin registers its format when it is imported)
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
from PIL import Image as Pillow

# Our own limit is checked right after the header is read; Pillow's would only warn below twice its value.
Pillow.MAX_IMAGE_PIXELS = None
ImageFile.LOAD_TRUNCATED_IMAGES = False
logging.getLogger("PIL").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # a damaged file is refused in our own words
# Big-endian forms of what Pillow reads as little-endian only.
TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))
TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 1, (1,), 1, (32,), ()), ("I", "I;32B"))

# MPO, the two-picture JPEG of phones, comes through the JPEG plugin and is read as its first picture.
# HEIC is not among them: it is decoded by a process of its own (heif.py).
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
MIME_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "HEIF": "image/heif",
    "AVIF": "image/avif",
}
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
    | {".heic", ".heif", ".hif", ".avif"}
)
ACCEPTED_KINDS = "JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC and AVIF"
