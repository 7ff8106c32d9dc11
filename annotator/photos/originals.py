"""Open the stored file that a picture's name stands for, and read it as the name says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from PIL import Image as Pillow

from annotator.photos import store
from annotator.photos.decoding import PhotoFacts, load_upright_rgb, open_photo, turn
from annotator.photos.picture_names import split_picture
from annotator.photos.readings import Reading, reading_of


@contextmanager
def open_original(picture: str) -> Iterator[tuple[Pillow.Image, PhotoFacts, Reading]]:
    """Open the original of a picture and yield it with its facts, as it is read, and how; as open_photo."""
    sha256, _ = split_picture(picture)
    reading = reading_of(picture)
    with store.open_part(sha256, store.ORIGINAL) as file, open_photo(file) as (opened, facts):
        is_swapped = reading.is_turned_twice and facts.exif_orientation >= 5
        yield opened, replace(facts, width=facts.height, height=facts.width) if is_swapped else facts, reading


def load_rgb(opened: Pillow.Image, facts: PhotoFacts, reading: Reading) -> Pillow.Image:
    """Decode an opened original to upright RGB, as it is read."""
    rgb = load_upright_rgb(opened, facts, reading.window)
    return turn(rgb, facts.exif_orientation) if reading.is_turned_twice else rgb


def load_stored_rgb(picture: str) -> Pillow.Image:
    """Return the pixels of a stored picture; raise PhotoRefusedError or FileNotFoundError."""
    with open_original(picture) as (opened, facts, reading):
        return load_rgb(opened, facts, reading)
