"""Steps of the tests that encode and decode: run the worker, read an embedding."""

import io
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from django.core.management import call_command
from PIL import Image as Pillow

from annotator import sam_gateway
from annotator.images.models import Image
from annotator.photos import store
from tests.made_once import made_once

TINY_MODEL = "sam_tiny_test"


def exported_tiny_model() -> Path:
    """Return the folder of the seeded tiny model; made once, as every graph is checked against torch."""

    def make(folder: Path) -> None:
        sam_gateway.export_model(TINY_MODEL, folder, version=TINY_MODEL)

    return made_once(TINY_MODEL, make)


def put_tiny_model(models_dir: Path) -> None:
    """Have the tiny model lie exported in a data directory's folder of models."""
    shutil.copytree(exported_tiny_model(), models_dir / TINY_MODEL)


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
