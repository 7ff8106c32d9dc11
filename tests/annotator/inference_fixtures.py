"""A real, tiny model, exported once per test run, for the tests that encode and decode."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from annotator import sam_gateway
from annotator.images.models import Image
from annotator.images.services import add_photo
from annotator.inference.model_sync import sync_model
from annotator.inference.models import ModelVersion
from annotator.projects.models import Project
from tests.annotator.conftest import jpeg

NAME = "sam_tiny_test"


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The graphs of the seeded tiny model; made once, as every graph is checked against torch."""
    folder = tmp_path_factory.mktemp("models") / NAME
    sam_gateway.export_model(NAME, folder, version=NAME)
    return folder


@pytest.fixture
def model(exported_model: Path, db: None, settings: Any) -> ModelVersion:
    """The tiny model as the product's default."""
    settings.DEFAULT_MODEL = NAME
    shutil.copytree(exported_model, Path(settings.MODELS_DIR) / NAME)
    row, is_new = sync_model(NAME)
    assert not is_new
    return row


@pytest.fixture
def photo(project: Project) -> Image:
    """A stored photo of 96 x 64 pixels, without any work asked for."""
    return add_photo(project, io.BytesIO(jpeg(96, 64, seed=11)), name="photo.jpg", user=None).image


def work_off() -> None:
    """Run the real worker loop until nothing is left to do."""
    call_command("db_worker", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)


def load_npy(data: bytes) -> Any:
    """Read an embedding."""
    return np.load(io.BytesIO(data), allow_pickle=False)
