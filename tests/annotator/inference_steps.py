"""Steps of the tests that encode and decode: run the worker, read an embedding."""

import io
from typing import Any

import numpy as np
from django.core.management import call_command

TINY_MODEL = "sam_tiny_test"


def work_off() -> None:
    """Run the real worker loop until nothing is left to do."""
    call_command("db_worker", batch=True, interval=0, startup_delay=False, reload=False, verbosity=0)


def load_npy(data: bytes) -> Any:
    """Read an embedding."""
    return np.load(io.BytesIO(data), allow_pickle=False)
