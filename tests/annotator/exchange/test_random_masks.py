"""Masks of any shape survive every lossless way out and in: holes, parts, one pixel, everything, one pixel high."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_masks

from annotator.annotations.models import Annotation
from annotator.exchange.export.run import ExportRun
from annotator.exchange.export.selection import Selection
from annotator.exchange.options import ExportOptions
from annotator.projects.models import Label, Project
from tests.annotator.exchange.fixture_types import AddImage, AddMask, Pixels, TakeIn, Twin

WAYS = [
    {"format": "coco"},
    {"format": "coco", "segmentation": "polygons"},
    {"format": "coco", "segmentation": "polygons", "holes": "rle"},
    {"format": "sa1b"},
    {"format": "yolo"},
]


@st.composite
def shapes(draw: st.DrawFn) -> Pixels:
    """Draw pixels, H x W: boxes put on and taken off, or noise, and never nothing."""
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    pixels = np.zeros((height, width), bool)
    for is_on in draw(st.lists(st.booleans(), min_size=1, max_size=6)):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        pixels[top : draw(st.integers(top + 1, height)), left : draw(st.integers(left + 1, width))] = is_on
    if draw(st.booleans()):
        pixels ^= np.random.default_rng(draw(st.integers(0, 2**32))).random((height, width)) < 0.1
    if not pixels.any():
        pixels[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    return pixels


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(WAYS), st.lists(shapes(), min_size=1, max_size=3))
def test_out_and_in_again_every_pixel_is_where_it_was(
    add_image: AddImage, add_mask: AddMask, take_in: TakeIn, twin: Twin, options: dict[str, str], drawn: list[Pixels]
) -> None:
    project = Project.objects.create(name="Random")
    label = Label.objects.create(project=project, name="Thing", color="#111111")
    for pixels in drawn:
        add_mask(add_image(project, width=pixels.shape[1], height=pixels.shape[0]), pixels, label=label)
    with tempfile.TemporaryDirectory() as folder:
        run = ExportRun(Selection(project, ExportOptions.model_validate(options)), Path(folder), name="out")
        masks = run.run()["masks"]
        copy = twin(project)
        take_in(copy, run.files[0])
    assert (masks["identical"], masks["mismatches"]) == (len(drawn), 0)
    back = Annotation.objects.filter(image__project=copy).order_by("image__position")
    assert len(back) == len(drawn)
    for row, pixels in zip(back, drawn, strict=True):
        rle = {"size": list(pixels.shape), "counts": row.counts.encode()}
        assert np.array_equal(coco_masks.decode(rle).astype(bool), pixels)
