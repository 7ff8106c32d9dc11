"""Masks as pixels: what lies in an export, what a project holds, and small pictures of numbers."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from annotator.annotations.models import Annotation
from annotator.exchange.export.run import ExportRun
from annotator.exchange.files.packages import entries_of
from annotator.mask_gateway import decode
from annotator.projects.models import Project

SIZE = (17, 31)  # height and width of the photos that add_image makes


def contents(run: ExportRun) -> dict[str, bytes]:
    """Return the entries of a finished export by name."""
    return {name: file.read() for name, file in entries_of(run.files)}


def pixels_of(project: Project) -> list[tuple[str, bytes]]:
    """Return the pixels of all masks with their photos' names, in order."""
    rows = Annotation.objects.filter(image__project=project).select_related("image")
    return sorted((r.image.name, decode(r.counts, (r.image.height, r.image.width)).tobytes()) for r in rows)


def masks_of(project: Project) -> list[tuple[str, str]]:
    """Return the label's name and the counts of all masks."""
    rows = Annotation.objects.filter(image__project=project, label__isnull=False)
    return [(str(name), counts) for name, counts in rows.values_list("label__name", "counts")]


def pack(folder: Path, files: dict[str, Any], name: str = "in.zip") -> Path:
    """Write a zip."""
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in files.items():
            archive.writestr(entry, data)
    return path


def png_of(pixels: np.ndarray, palette: list[int] | None = None) -> bytes:
    """Return a picture of these pixels, H x W or H x W x 3."""
    out = io.BytesIO()
    picture = Pillow.fromarray(pixels)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(out, "PNG")
    return out.getvalue()
