"""Photos from before the one decoder (ADR 26): looked at once, so that nothing changes silently under masks.

TIFF files were turned twice then and shown without their depth. A TIFF without masks is made anew; one that is turned
and has masks keeps being read as it was, so that they still fit. 16-bit photos keep their masks and get new previews
and embeddings.
"""

from dataclasses import dataclass

from annotator.annotations.models import Annotation
from annotator.images.deep_photos import DEEP
from annotator.images.models import Image, ImageStatus
from annotator.images.unused_files import delete_made_files
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.originals import open_original
from annotator.photos.picture_names import split_picture
from annotator.photos.readings import TURNED_TWICE

AT_ONCE = 500
CHANGED_FORMATS = ("TIFF", "PNG")


@dataclass(frozen=True)
class _Header:
    depth: int
    width: int
    height: int


def reread_old_photos() -> int:
    """Look at photos whose depth is not known; return how many are made anew. Safe to call at any time."""
    unknown = Image.objects.filter(depth=0)
    unknown.exclude(format__in=CHANGED_FORMATS).update(depth=8)
    return sum(_reread(image) for image in unknown.order_by("pk")[:AT_ONCE])


def _reread(image: Image) -> bool:
    header = _read_header(image)
    image.depth = header.depth if header else 8
    is_changed = header is not None and (image.format == "TIFF" or header.depth >= DEEP)
    if header is None or not is_changed:
        image.save(update_fields=["depth"])
        return False
    before = image.picture
    if image.exif_orientation == 1 or not Annotation.objects.filter(image=image).exists():
        image.width, image.height = header.width, header.height
    else:
        image.reading = TURNED_TWICE
    delete_made_files(before)
    image.status = ImageStatus.NEW
    image.save(update_fields=["depth", "width", "height", "reading", "picture", "status"])
    Image.objects.filter(picture=before).update(status=ImageStatus.NEW)
    return True


def _read_header(image: Image) -> _Header | None:
    """Return what the decoder says of the file today; None where it cannot be read."""
    sha256, _reading = split_picture(image.picture)
    try:
        with open_original(sha256) as (_opened, facts, _how):
            return _Header(facts.depth, facts.width, facts.height)
    except (PhotoRefusedError, FileNotFoundError):
        return None
