"""A photo that is written anew is what its name says, upright, and as deep as it was."""

import io

import numpy as np
import pytest
from PIL import Image as Pillow

from annotator.photos.encoding import encode_anew
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.readings import reading_of
from tests.sam_core.picture_files import HEIC_TURNED_BY_EXIF, corners, scene, stored_for, tiff, turned
from tests.sam_core.picture_files import RIGHT_CORNERS as RIGHT


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.jpg", "JPEG"), ("b.PNG", "PNG"), ("c.webp", "WEBP"), ("d.tif", "TIFF"), ("e.tiff", "TIFF"), ("f.bmp", "BMP"),
     ("g.gif", "GIF"), ("h.avif", "AVIF"), ("no ending", "TIFF"), ("i.dat", "TIFF")],
)  # fmt: skip
def test_the_file_is_what_its_name_says(name: str, kind: str) -> None:
    data = encode_anew(io.BytesIO(turned("TIFF", 6)), name)
    with Pillow.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == (kind, (60, 40))
        assert picture.getexif().get(0x0112, 1) == 1
        assert np.abs(np.subtract(corners(np.asarray(picture.convert("RGB"))), RIGHT)).max() < 14
    resized = encode_anew(io.BytesIO(turned("TIFF", 6)), name, size=(20, 30))
    with Pillow.open(io.BytesIO(resized)) as picture:
        assert (picture.format, picture.size) == (kind, (30, 20))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_tiff_stays_deep(orientation: int) -> None:
    values = np.arange(2400, dtype=np.uint16).reshape(40, 60) + 300
    data = encode_anew(io.BytesIO(tiff(stored_for(values, orientation), orientation=orientation)), "deep.tif")
    with Pillow.open(io.BytesIO(data)) as picture:
        assert picture.getexif().get(0x0112, 1) == 1
        assert (np.asarray(picture) == values).all()


def test_a_photo_that_is_kept_turned_twice_is_written_so() -> None:
    data = encode_anew(io.BytesIO(turned("TIFF", 3)), "old.png", reading=reading_of("a" * 64 + ".t"))
    with Pillow.open(io.BytesIO(data)) as picture:
        assert corners(np.asarray(picture)) == corners(stored_for(scene(), 3))


def test_a_heic_is_refused_by_name() -> None:
    with pytest.raises(PhotoRefusedError, match="HEIC"):
        encode_anew(io.BytesIO(HEIC_TURNED_BY_EXIF), "phone.HEIC")


def test_white_is_zero_does_not_become_a_negative() -> None:
    white = tiff(np.zeros((4, 4), np.uint16), photometric=0, orientation=3)
    with Pillow.open(io.BytesIO(encode_anew(io.BytesIO(white), "x.tif"))) as picture:
        assert np.asarray(picture.convert("RGB")).min() == 255
