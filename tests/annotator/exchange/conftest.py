"""What the exchange tests build on: photos with masks of every awkward shape, and runs without a job."""

import hashlib
import io
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from django.utils import timezone
from PIL import Image as Pillow

from annotator.annotations.models import Annotation
from annotator.exchange.export.run import ExportRun
from annotator.exchange.export.selection import Selection
from annotator.exchange.import_.jobs import import_at_once
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.options import ExportOptions, ImportOptions
from annotator.images.models import Image, ImageStatus
from annotator.images.services import add_photo
from annotator.mask_gateway import encode, measure_masks
from annotator.projects.models import Label, Project
from annotator.sam_answers import MeasuredMask
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Export, MakePhoto, Pixels, TakeIn, Twin


@pytest.fixture
def add_image() -> AddImage:
    """A row without a file."""

    def make(project: Project, name: str = "", **fields: Any) -> Image:
        number = Image.objects.filter(project=project).count()
        values = {
            "name": name or f"{number:05}.jpg",
            "sha256": hashlib.sha256(f"{project.pk} {number} {name}".encode()).hexdigest(),
            "width": 31,
            "height": 17,
            "byte_size": 1000,
            "format": "JPEG",
            "status": ImageStatus.READY,
            "position": number,
        }
        return Image.objects.create(project=project, **{**values, **fields})

    return make


@pytest.fixture
def add_mask() -> AddMask:
    """A mask of pixels, H x W."""

    def make(image: Image, pixels: npt.NDArray[Any], **fields: Any) -> Annotation:
        counts = encode(pixels)
        (measured,) = measure_masks([counts], [(image.height, image.width)])
        assert isinstance(measured, MeasuredMask)
        x, y, w, h = measured.bbox_xywh
        box = {"bbox_x": x, "bbox_y": y, "bbox_w": w, "bbox_h": h, "area": measured.area}
        values = {"id": uuid.uuid4(), "counts": counts, "stage": "assisted_manual", **box}
        return Annotation.objects.create(image=image, **{**values, **fields})

    return make


def awkward_shapes(height: int, width: int) -> list[Pixels]:
    """One pixel, everything, a ring, many parts, noise, a corner touch, a column, a row."""
    blank = np.zeros((height, width), bool)
    shapes = [blank.copy() for _ in range(8)]
    shapes[0][height // 2, width // 2] = True
    shapes[1][:] = True
    shapes[2][1:-1, 1:-1] = True
    shapes[2][height // 3 : height // 2, width // 3 : width // 2] = False
    shapes[3][::3, ::4] = True
    shapes[4] = np.random.default_rng(height * width).random((height, width)) > 0.5
    shapes[5][: height // 2, : width // 2] = True
    shapes[5][height // 2 :, width // 2 :] = True
    shapes[6][:, width - 1] = True
    shapes[7][0, :] = True
    return [shape for shape in shapes if shape.any()]


@pytest.fixture
def filled(project: Project, add_image: AddImage, add_mask: AddMask) -> Project:
    """Four images (one without masks, one 1 px high), two labels and masks of every awkward shape."""
    labels = [Label.objects.get(project=project), None]
    labels.append(Label.objects.create(project=project, name="Road, wet", color="#56B4E9", key="2", position=1))
    for number, (height, width) in enumerate([(17, 31), (40, 23), (1, 50)]):
        image = add_image(project, width=width, height=height, tags=["night"] if number else [])
        for place, shape in enumerate(awkward_shapes(height, width)):
            fields = {"predicted_iou": 0.0, "stability_score": 0.75, "z_order": -place} if place % 2 else {}
            provenance = {"prompts": [{"type": "point", "x": 3.5, "y": 0, "label": 1}]} if place == 2 else {}
            add_mask(image, shape, label=labels[place % 3], provenance=provenance, attributes={"n": place}, **fields)
    add_image(project)
    return project


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Export and return the finished run."""

    def do(project: Project, **options: Any) -> ExportRun:
        selection = Selection(project, ExportOptions.model_validate(options))
        run = ExportRun(selection, tmp_path / f"export-{uuid.uuid4().hex}", name="out")
        run.run()
        return run

    return do


@pytest.fixture
def take_in(db: None) -> TakeIn:
    """Import a file and return the report."""

    def do(project: Project, path: Path, **options: Any) -> dict[str, Any]:
        row = ImportRow.objects.create(
            project=project,
            name=path.name,
            format="auto",
            options=ImportOptions.model_validate(options).model_dump(mode="json"),
            started_at=timezone.now(),
        )
        return import_at_once(row, path)

    return do


@pytest.fixture
def twin() -> Twin:
    """Make an empty project of the same name with the same photos."""

    def make(project: Project) -> Project:
        copy = Project.objects.create(name=project.name)
        for image in Image.objects.filter(project=project).order_by("position", "pk"):
            image.pk, image.project, image.tags = None, copy, list(image.tags)
            image.save(force_insert=True)
        return copy

    return make


@pytest.fixture
def make_photo() -> MakePhoto:
    """A photo on disk; size is (width, height) as it lies in the file."""

    def make(project: Project, size: tuple[int, int], *, orientation: int = 1, **fields: Any) -> Image:
        number = Image.objects.count()
        pixels = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        Pillow.fromarray(pixels).save(file, "JPEG", exif=exif)
        file.seek(0)
        row = add_photo(project, file, name=f"photo{number}.jpg", user=None).image
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
        return row

    return make


@pytest.fixture
def other(project: Project) -> Project:
    """Another, empty project."""
    return Project.objects.create(name="Other")
