"""Steps of the tests that install models: the export of the tiny seeded weights, made once."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from annotator import sam_gateway
from annotator.model_gateway import STEPS
from tests.seeded_weights import TINY_MODEL, VERSION, tiny_weights

OnStep = Callable[[str], object]
_export = sam_gateway.export_model


@cache
def exported_tiny() -> Path:
    """Return the folder of these weights, exported once for all tests of a process."""
    folder = Path(tempfile.mkdtemp())
    (folder / "w.pt").write_bytes(tiny_weights())
    _export(TINY_MODEL, folder / VERSION, version=VERSION, checkpoint=str(folder / "w.pt"))
    return folder / VERSION


def copy_export(name: str, target: Path, *, version: str, checkpoint: str | None, on_step: OnStep) -> Any:
    """Stand for `sam_gateway.export_model` where these weights are exported: its steps, and what it made once."""
    assert checkpoint is not None
    assert (name, version, Path(checkpoint).read_bytes()) == (TINY_MODEL, VERSION, tiny_weights())
    for step in STEPS:
        on_step(step)
    shutil.copytree(exported_tiny(), target)
    return sam_gateway.read_card(target)
