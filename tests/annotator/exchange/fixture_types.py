"""What the fixtures of the exchange tests hand out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from annotator.annotations.models import Annotation
from annotator.exchange.export.run import ExportRun
from annotator.images.models import Image
from annotator.projects.models import Project

Pixels = npt.NDArray[np.bool_]  # H x W
Twin = Callable[[Project], Project]


class AddImage(Protocol):
    """Make an image's row without a file."""

    def __call__(self, project: Project, name: str = "", **fields: Any) -> Image: ...


class AddMask(Protocol):
    """Make a mask of pixels, H x W."""

    def __call__(self, image: Image, pixels: npt.NDArray[Any], **fields: Any) -> Annotation: ...


class MakePhoto(Protocol):
    """Make a photo on disk; size is (width, height) as it lies in the file."""

    def __call__(self, project: Project, size: tuple[int, int], *, orientation: int = 1, **fields: Any) -> Image: ...


class Export(Protocol):
    """Export and return the finished run."""

    def __call__(self, project: Project, **options: Any) -> ExportRun: ...


class TakeIn(Protocol):
    """Import a file and return the report."""

    def __call__(self, project: Project, path: Path, **options: Any) -> dict[str, Any]: ...
