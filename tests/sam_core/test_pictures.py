"""The one decoder: every kind of picture file gives the picture that its maker saw, or is refused by name."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image, ImageCms

from sam_core.image_files import read_image
from sam_core.pictures import deep_colour, heif
from sam_core.pictures.brightness import USED, Window
from sam_core.pictures.errors import PictureRefusedError
from sam_core.pictures.opening import PictureFacts, open_picture
from sam_core.pictures.pixels import load_upright_rgb
from tests.sam_core.picture_files import (
    HEIC,
    HEIC_TURNED_BY_EXIF,
    corners,
    encoded,
    scene,
    stored_for,
    tiff,
    turned,
    turned_by_container,
)
from tests.sam_core.picture_files import (
    RIGHT_CORNERS as RIGHT,
)


def read(data: bytes, window: Window = USED) -> np.ndarray:
    return read_with_facts(data, window)[0]


def read_with_facts(data: bytes, window: Window = USED) -> tuple[np.ndarray, PictureFacts]:
    with open_picture(io.BytesIO(data), max_megapixels=10) as (picture, facts):
        return np.asarray(load_upright_rgb(picture, facts, window)), facts


def refusal(data: bytes) -> PictureRefusedError:
    with pytest.raises(PictureRefusedError) as caught:
        read(data)
    return caught.value


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied_exactly_once(kind: str, orientation: int) -> None:
    pixels, facts = read_with_facts(turned(kind, orientation))
    assert pixels.shape == (40, 60, 3)
    assert (facts.width, facts.height) == (60, 40)
    assert np.abs(np.subtract(corners(pixels), RIGHT)).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_compressed_tiff_and_one_of_16_bit_colours_stand_upright_too(orientation: int) -> None:
    stored = stored_for(scene(), orientation)
    packed = encoded(stored, "TIFF", compression="tiff_lzw", tiffinfo={274: orientation})
    assert corners(read(packed)) == RIGHT
    dim = tiff(stored.astype(np.uint16) * 16, orientation=orientation)
    assert np.abs(np.subtract(corners(read(dim)), RIGHT)).max() <= 1


def test_a_heic_is_turned_by_its_container_or_by_its_exif_entry_but_never_by_both() -> None:
    for data in (HEIC_TURNED_BY_EXIF, turned_by_container()):
        pixels, facts = read_with_facts(data)
        assert (facts.width, facts.height) == (60, 40)
        assert np.abs(np.subtract(corners(pixels), RIGHT)).max() < 12


def test_a_crash_of_libheif_refuses_the_file_and_ends_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "child.py"
    monkeypatch.setattr(heif, "CHILD", child)
    child.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert refusal(HEIC).code == "damaged"
    monkeypatch.setattr(heif, "SECONDS", 0.01)
    child.write_text("import time; time.sleep(60)")
    assert refusal(HEIC).code == "damaged"


def test_a_heic_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    with (
        pytest.raises(PictureRefusedError, match="64 x 48") as caught,
        open_picture(io.BytesIO(HEIC), max_megapixels=0.001),
    ):
        pass
    assert caught.value.code == "too_many_pixels"


def grey(values: np.ndarray, kind: str) -> bytes:
    return tiff(values) if kind == "TIFF" else encoded(Image.fromarray(values), "PNG")


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_twelve_bits_in_sixteen_are_seen(kind: str) -> None:
    values = np.full((40, 60), 2048, np.uint16)
    values[:20, :30], values[:20, 30:], values[20:, :30], values[20:, 30:] = 1280, 2016, 688, 4000
    assert [corner[0] for corner in corners(read(grey(values, kind)))] == [80, 126, 43, 249]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_look_like_their_eight_bit_original(kind: str) -> None:
    eight = np.random.default_rng(3).integers(30, 220, (50, 70), np.uint8)
    sixteen = read(grey(eight.astype(np.uint16) * 257, kind))
    assert np.abs(sixteen[..., 0].astype(int) - eight).max() <= 1


@pytest.mark.parametrize(("low", "high"), [(20_000, 21_000), (0, 5), (600, 900), (60_000, 65_535)])
def test_a_narrow_range_is_stretched(low: int, high: int) -> None:
    values = np.linspace(low, high, 2400).reshape(40, 60).round().astype(np.uint16)
    pixels = read(tiff(values))
    assert pixels.min() <= 1
    assert pixels.max() >= 254


def test_one_hot_pixel_does_not_darken_the_photo() -> None:
    values = np.full((200, 200), 600, np.uint16)
    values[50:150, 50:150] = 3500
    values[0, 0] = 65_535
    pixels = read(tiff(values))[..., 0].astype(int)
    assert pixels[100, 100] - pixels[10, 10] > 60


def test_a_window_in_values_or_per_cent_is_what_is_shown() -> None:
    values = np.arange(10_000, dtype=np.uint16).reshape(100, 100)
    by_value = read(tiff(values), Window("values", 2000, 4000))[..., 0].ravel()
    assert (by_value[[0, 2000, 3000, 4000, 9999]] == [0, 0, 128, 255, 255]).all()
    by_percent = read(tiff(values), Window("percent", 10, 90))[..., 0].ravel()
    assert by_percent[900] == 0
    assert by_percent[9100] == 255
    assert abs(int(by_percent[5000]) - 128) <= 1


@pytest.mark.parametrize(("low", "high"), [(5, 5), (6, 5), (float("nan"), 1), (0, float("inf"))])
def test_a_window_without_a_width_is_refused(low: float, high: float) -> None:
    for kind in ("values", "percent"):
        with pytest.raises(PictureRefusedError):
            Window(kind, low, high)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_white_is_zero_is_not_a_negative(order: Literal["<", ">"], kind: type[np.unsignedinteger[Any]]) -> None:
    top = np.iinfo(kind).max
    values = np.full((40, 60), top, kind)  # black
    values[20:] = 0  # white
    pixels = read(tiff(values, order=order, photometric=0))
    assert pixels[0].max() == 0
    assert pixels[-1].min() == 255


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["float32", "int32", "uint32", "int16", "int8"])
def test_floats_and_whole_numbers_keep_their_order(order: Literal["<", ">"], kind: str) -> None:
    ramp = np.linspace(-100 if kind in {"float32", "int32", "int16", "int8"} else 0, 120, 60)
    if kind == "uint32":
        ramp = ramp * 3e7
    values = np.tile(ramp, (40, 1)).astype(kind)
    pixels = read(tiff(values, order=order))[0, :, 0].astype(int)
    assert (np.diff(pixels) >= 0).all()
    assert pixels[0] <= 1
    assert pixels[-1] >= 250


def test_floats_from_nought_to_one_are_taken_as_they_are_and_no_number_is_black() -> None:
    values = np.full((40, 60), 0.5, np.float32)
    values[:20, :30], values[:20, 30:] = 0.1, 0.9
    values[-1, 0], values[-1, 1] = np.nan, np.inf
    pixels = read(tiff(values))
    assert [corner[0] for corner in corners(pixels)] == [26, 229, 128, 128]
    assert (pixels[-1, 0, 0], pixels[-1, 1, 0]) == (0, 255)


@pytest.mark.parametrize(
    "values",
    [np.zeros((4, 4), np.float64), np.zeros((4, 4, 2), np.uint16), np.zeros((4, 4, 7), np.uint8)],
    ids=["float64", "two bands", "seven bands"],
)
def test_what_cannot_be_shown_is_refused_by_name(values: np.ndarray) -> None:
    error = refusal(tiff(values))
    assert error.code == "unsupported_mode"
    assert "band" in error.message
    assert f"{values.dtype.itemsize * 8}-bit" in error.message


def test_numbers_that_are_none_are_refused_by_name() -> None:
    assert refusal(tiff(np.full((4, 4), np.nan, np.float32))).code == "no_values"


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_fourth_band_without_extra_samples_is_no_transparency(kind: type[np.unsignedinteger[Any]]) -> None:
    scale = 257 if kind is np.uint16 else 1
    fourth = np.linspace(0, 255, 60).astype(np.uint8) * np.ones((40, 1), np.uint8)
    values = np.dstack([scene(), fourth]).astype(kind) * scale
    assert corners(read(tiff(values))) == RIGHT
    assert np.abs(np.subtract(corners(read(tiff(values, extra=[0]))), RIGHT)).max() <= 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_real_transparency_shows_white(kind: type[np.unsignedinteger[Any]]) -> None:
    scale = 257 if kind is np.uint16 else 1
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:20, :30] = 0
    values = np.dstack([scene(), alpha]).astype(kind) * scale
    assert corners(read(tiff(values, extra=[2]))) == [[255, 255, 255], *RIGHT[1:]]


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "PA", "RGBA", "CMYK", "YCbCr", "LAB"])
def test_every_mode_that_pillow_writes_is_read_as_rgb(mode: str) -> None:
    picture = Image.fromarray(scene())
    if mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        picture = to_lab.apply(picture)
    elif mode in {"P", "PA"}:
        picture = picture.quantize(8).convert(mode)
    else:
        picture = picture.convert("L").convert("LA") if mode == "LA" else picture.convert(mode)
    pixels = read(encoded(picture, "TIFF"))
    wanted = scene() if mode not in {"L", "LA", "1"} else np.asarray(picture.convert("L").convert("RGB"))
    assert np.abs(np.subtract(corners(pixels), corners(wanted))).max() <= 6


def test_dim_colours_of_sixteen_bits_are_seen() -> None:
    values = scene().astype(np.uint16) * 16
    assert np.abs(np.subtract(corners(read(tiff(values))), RIGHT)).max() <= 1


def test_dim_colours_that_are_too_many_are_seen_with_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_colour, "MAX_MEGAPIXELS", 0)
    pixels = read(tiff(scene().astype(np.uint16) * 16))
    assert np.abs(np.subtract(corners(pixels), RIGHT)).max() <= 20


def wide_gamut_profile() -> bytes:
    """Return the sRGB profile with red and green exchanged: a profile that nobody can overlook."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_profile_is_converted_to_srgb(kind: str) -> None:
    of_kind: dict[str, dict[str, Any]] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}
    options = of_kind.get(kind, {})
    plain = read(
        encoded(
            scene(), kind, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), **options
        )
    )
    assert np.abs(np.subtract(corners(plain), RIGHT)).max() <= 4
    pixels = read(encoded(scene(), kind, icc_profile=wide_gamut_profile(), **options))
    assert np.abs(np.subtract(corners(pixels)[0], [20, 220, 20])).max() <= 8
    assert np.abs(np.subtract(corners(pixels)[2:], RIGHT[2:])).max() <= 8


def test_a_broken_profile_or_one_of_other_colours_is_left_aside() -> None:
    for profile in (b"no profile at all", wide_gamut_profile()[:200]):
        assert corners(read(encoded(scene(), "PNG", icc_profile=profile))) == RIGHT
    grey = encoded(Image.fromarray(scene()).convert("L"), "PNG", icc_profile=wide_gamut_profile())
    assert read(grey).shape == (40, 60, 3)


def test_nothing_but_pixels_comes_out_of_a_file() -> None:
    data = encoded(scene(), "PNG", icc_profile=b"a profile of somebody")
    with open_picture(io.BytesIO(data), max_megapixels=10) as (picture, facts):
        assert b"somebody" not in encoded(load_upright_rgb(picture, facts), "WEBP")


def test_heic_and_avif_are_taken() -> None:
    pixels, facts = read_with_facts(HEIC)
    assert (facts.format, facts.width, facts.height) == ("HEIF", 64, 48)
    assert np.abs(pixels.astype(int) - [200, 30, 30]).max() < 6
    pixels, facts = read_with_facts(encoded(scene(), "AVIF", quality=95))
    assert (facts.format, facts.width, facts.height) == ("AVIF", 60, 40)
    assert np.abs(np.subtract(corners(pixels), RIGHT)).max() < 12


def test_a_refusal_lists_the_kinds_that_are_taken() -> None:
    message = refusal(b"dear diary").message
    assert all(kind in message for kind in ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "HEIC", "AVIF"))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("data", [HEIC[:-10], HEIC[:200], encoded(scene(), "AVIF")[:-60], turned("TIFF", 1)[:300]])
def test_cut_files_are_refused(data: bytes) -> None:
    assert refusal(data).code in {"damaged", "not_an_image"}


def test_the_decoder_is_without_torch() -> None:
    code = "import sys, sam_core.pictures.pixels, sam_core.image_files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_command_line_reads_the_same_picture(tmp_path: Path) -> None:
    values = np.full((40, 60), 600, np.uint16)
    values[10:30, 20:40] = 3500
    (tmp_path / "disc.png").write_bytes(encoded(Image.fromarray(values), "PNG"))
    pixels = read_image(tmp_path / "disc.png")
    assert (pixels == read((tmp_path / "disc.png").read_bytes())).all()
    assert int(pixels[20, 30, 0]) - int(pixels[0, 0, 0]) > 60
