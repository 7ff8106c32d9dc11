"""The door to sam_core's table of models: what can be installed, and how weights are fetched and verified.

Knows nothing of Django; imports no torch.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sam_core.checkpoints import CheckpointFile
from sam_core.errors import DownloadError
from sam_core.errors import ExportError as ExportRefusedError
from sam_core.fetching import fetch
from sam_core.model_folder import STEPS
from sam_core.origins import published_origin
from sam_core.registry import LITE_WEIGHTS, MODELS, model_spec

__all__ = [
    "STEPS",
    "DownloadError",
    "ExportRefusedError",
    "InstallableModel",
    "fetch_weights",
    "find_model",
    "is_digest",
    "list_models",
]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class InstallableModel:
    """One row of the table. `url` is empty where nothing has to be fetched, or where the right checksum is not known.

    `byte_size` is of the weights, 0 where it is not known. Both licences are of the weights as they were published:
    what is said of a file is decided by its checksum.
    """

    name: str
    description: str
    byte_size: int
    weights_licence: str
    data_licence: str
    source: str
    url: str
    sha256: str
    has_own_weights: bool  # shipped, or made from a seed
    is_for_tests: bool


def list_models() -> list[InstallableModel]:
    """Return the models that people may choose from, in the table's order."""
    return [one for one in map(find_model, MODELS) if not one.is_for_tests]


def find_model(name: str) -> InstallableModel:
    """Return one model; raise ModelMissingError with the known names."""
    spec = model_spec(name)
    file, origin = spec.checkpoint, published_origin(name)
    shipped = LITE_WEIGHTS if name == "sam_lite" else None
    return InstallableModel(
        name=name,
        description=spec.description,
        byte_size=file.byte_size if file else shipped.stat().st_size if shipped and shipped.is_file() else 0,
        weights_licence=origin.weights_licence,
        data_licence=origin.data_licence,
        source=file.source if file else "",
        url=file.url if file and file.sha256 else "",
        sha256=file.sha256 if file else "",
        has_own_weights=file is None,
        is_for_tests=spec.is_for_tests,
    )


def fetch_weights(
    name: str, folder: Path, *, mirror: str = "", sha256: str = "", on_progress: OnProgress | None = None
) -> Path:
    """Download a model's weights into `folder`, going on where an earlier try ended, and verify them.

    mirror: the address of the file, or of a folder that holds the official file under its own name. sha256: of other
    weights than the official ones, which the mirror must then name. Raises ModelMissingError.
    """
    return fetch(_wanted_file(name, mirror=mirror, sha256=sha256), folder, on_progress=on_progress)


def is_digest(text: str) -> bool:
    """Say whether a text is a hexadecimal SHA-256 in small letters."""
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def _wanted_file(name: str, *, mirror: str, sha256: str) -> CheckpointFile:
    official = model_spec(name).checkpoint
    if official is None or (sha256 and sha256 != official.sha256):
        file_name = f"{name}-{sha256[:12]}.pt"
        return CheckpointFile(file_name=file_name, url=mirror, sha256=sha256, byte_size=0, licence="", source="")
    return replace(official, url=_address_at(mirror, official.file_name)) if mirror else official


def _address_at(mirror: str, file_name: str) -> str:
    return mirror if mirror.endswith(file_name) else f"{mirror.rstrip('/')}/{file_name}"
