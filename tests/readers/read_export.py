"""Read an unpacked export with somebody else's code and print what it found; runs in .venv-readers, knows nobody here.

python read_export.py datumaro voc FOLDER      every mask as [photo, label, area, box], on one line of JSON
python read_export.py supervision coco FOLDER
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def describe(name: str, label: Any, mask: np.ndarray) -> Any:
    rows, columns = np.nonzero(mask)
    box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
    return [Path(name).stem, label, int(mask.sum()), box]


def read_with_datumaro(kind: Any, folder: Path) -> Iterator[Any]:
    from datumaro import Dataset
    from datumaro.components.annotation import AnnotationType

    dataset = Dataset.import_from(str(folder), kind)
    names = [label.name for label in dataset.categories()[AnnotationType.label]]
    for item in dataset:
        parts: dict[
            int, tuple[str, np.ndarray]
        ] = {}  # datumaro makes several annotations of one with several polygons, and gives them one group
        for place, annotation in enumerate(item.annotations):
            if annotation.type in (AnnotationType.mask, AnnotationType.polygon):
                mask = pixels_of(annotation, item.media.size)
                key = annotation.group or -place - 1
                label, others = parts.get(key, (names[annotation.label], np.zeros_like(mask)))
                parts[key] = label, others | mask
        for label, mask in parts.values():
            yield describe(item.id, label, mask)


def pixels_of(annotation: Any, size: Any) -> Any:
    """Return the pixels of a mask or polygon, as datumaro converts it."""
    from pycocotools import mask as coco

    if hasattr(annotation, "image"):
        return np.asarray(annotation.image, bool)
    (rle,) = coco.frPyObjects([annotation.points], *size)
    return coco.decode(rle).astype(bool)


def read_with_supervision(kind: Any, folder: Path) -> Iterator[Any]:
    import supervision

    if kind == "coco":
        dataset = supervision.DetectionDataset.from_coco(
            images_directory_path=str(folder / "images"),
            annotations_path=str(folder / "annotations/instances.json"),
            force_masks=True,
        )
    else:
        dataset = supervision.DetectionDataset.from_yolo(
            images_directory_path=str(folder / "images/train"),
            annotations_directory_path=str(folder / "labels/train"),
            data_yaml_path=str(folder / "data.yaml"),
            force_masks=True,
        )
    for path, _image, detections in dataset:
        for mask, label in zip(detections.mask, detections.class_id, strict=True):
            yield describe(path, dataset.classes[label], mask)


if __name__ == "__main__":
    reader, kind, folder = sys.argv[1:]
    found = {"datumaro": read_with_datumaro, "supervision": read_with_supervision}[reader](kind, Path(folder))
    print(json.dumps(sorted(found)))
