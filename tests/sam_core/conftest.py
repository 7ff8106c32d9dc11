"""What several tests of the model's rooms are given."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from sam_core.masks import rle


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two sets of three photos with two discs each, as files in SA-1B layout."""
    rng = np.random.default_rng(5)
    for name in ("discs", "regions"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for i in range(3):
            _write_photo(folder / f"{i}", rng, annotator=1 if name == "regions" else None)
    return tmp_path / "data"


def _write_photo(stem: Path, rng: np.random.Generator, *, annotator: int | None) -> None:
    photo = rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)
    annotations = []
    for k, x in enumerate((30, 55)):
        mask = np.zeros((60, 90), np.uint8)
        cv2.circle(mask, (x, 30), 14, 1, -1)
        photo[mask > 0] = (200, 30, 30 + 60 * k)
        row = {"id": k + 1, "segmentation": dict(rle.encode(mask.astype(bool)))}
        annotations.append(row | ({"annotator": annotator} if annotator is not None else {}))
    cv2.imwrite(f"{stem}.png", photo)
    stem.with_suffix(".json").write_text(json.dumps({"image": {"width": 90, "height": 60}, "annotations": annotations}))
