"""Steps of the tests that encode and decode: run the worker, read an embedding."""

import io
from typing import Any
from unittest.mock import patch

import numpy as np
from django.core.management import call_command
from PIL import Image as Pillow

from annotator.images.models import Image
from annotator.photos import store

TINY_MODEL = "sam_tiny_test"


def work_off() -> None:
    """Run the real worker loop until nothing is left to do, on the test's own connection.

    A worker closes its connection between tasks. That would end the transaction that a test runs in, so this step is
    left out, as Django's own test client leaves it out around a request.
    """
    with patch("django_tasks_db.management.commands.db_worker.close_old_connections"):
        call_command(
            "db_worker", queue_name="*", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0
        )


def load_npy(data: bytes) -> Any:
    """Read an embedding."""
    return np.load(io.BytesIO(data), allow_pickle=False)


def pixels_of(image: Image) -> Any:
    """Return the photo's pixels."""
    with store.open_part(image.sha256, store.ORIGINAL) as file:
        return np.asarray(Pillow.open(file).convert("RGB"))


def torch_embedding(image: Image, crop: tuple[int, int, int, int] | None = None) -> Any:
    """Return the embedding that torch computes of the photo, or of a crop."""
    from sam_core.backends.torch_backend import TorchPredictor
    from sam_core.registry import build_model

    return TorchPredictor(build_model(TINY_MODEL), TINY_MODEL).embed(pixels_of(image), crop)
