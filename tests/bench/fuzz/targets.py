"""One target a parser: makes the damaged input of a number, and hands it to the parser as an import would.

A target returns True when something was read and False when the input was refused; everything else is a finding.
"""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image as Pillow

from annotator.exchange.base.reading import FileCategory, FileImage, FileMask, Problem
from annotator.exchange.files.csv_lines import csv_line
from annotator.exchange.files.source import BrokenFileError, Source
from annotator.exchange.import_.batch import BatchContext, check_batch
from annotator.exchange.import_.ledger import KnownImage, Ledger
from annotator.exchange.import_.report import ImportReport
from annotator.exchange.registry import READ, load_reader
from annotator.mask_gateway import counts_from_polygons, decode, encode, measure_masks
from annotator.sam_answers import MeasuredMask
from annotator.sam_gateway import MaskRefusedError
from tests.bench.fuzz.mutations import damage_bytes, damage_json, damage_png

SIZE = (17, 31)
Entries = dict[str, bytes]
_SEEDS = np.random.default_rng(5)
_MASKS = [np.eye(*SIZE, dtype=bool), np.ones(SIZE, bool), _SEEDS.random(SIZE) < 0.3, np.zeros(SIZE, bool)]
_RLES = [{"size": list(SIZE), "counts": encode(mask)} for mask in _MASKS]
_OUTLINE = [2.0, 2, 20, 2, 20, 12.5, 2, 12]


def _coco() -> dict[str, Any]:
    ours = {"sha256": "0" * 64, "tags": ["a"], "own_split": "val"}
    mask_fields = {"state": "accepted", "attributes": {"n": 1}, "provenance": {"prompts": []}, "predicted_iou": 0.5}
    return {
        "info": {"description": "x"},
        "images": [{"id": 1, "file_name": "a.jpg", "width": 31, "height": 17, "maskwright": ours}],
        "categories": [{"id": 1, "name": "Car", "maskwright": {"color": "#E69F00", "key": "1", "attributes": []}}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": _RLES[0], "maskwright": mask_fields},
            {"id": 2, "image_id": 1, "category_id": 1, "segmentation": [_OUTLINE, _OUTLINE], "iscrowd": 0},
            {"id": 3, "image_id": 1, "segmentation": {"size": list(SIZE), "counts": [100, 20, 407]}, "iscrowd": 1},
        ],
    }


def _sa1b() -> dict[str, Any]:
    mask = {
        "id": 1, "segmentation": _RLES[2], "bbox": [0, 0, 31, 17], "area": 9, "predicted_iou": 0.9,
        "stability_score": 0.95, "crop_box": [0, 0, 31, 17], "point_coords": [[3.5, 4.5]],
    }  # fmt: skip
    return {
        "image": {"image_id": 1, "width": 31, "height": 17, "file_name": "a.jpg"},
        "annotations": [mask, {**mask, "id": 2, "segmentation": _RLES[1]}],
    }


def _png(mode: str) -> bytes:
    out = io.BytesIO()
    numbers = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % 5
    if mode == "I;16":
        Pillow.fromarray(numbers.astype(np.uint16)).save(out, "PNG")
    else:
        Pillow.fromarray(numbers.astype(np.uint8)).convert(mode).save(out, "PNG")
    return out.getvalue()


_PNGS = [_png(mode) for mode in ("I;16", "L", "P", "1", "RGB")]
_LEGEND = {"background": 0, "labels": [{"number": 1, "name": "Car", "color": "#E69F00"}, {"number": 2, "name": ""}]}
_INSTANCES = {"file_name": "a.jpg", "instances": [{"number": 1, "label": "Car", "area": 9}, {"number": 2}]}
_YAMLS = [
    b"path: .\ntrain: images/train\nnames:\n  0: car\n  1: 'road, wet'\n",
    b'names: [car, \'road, wet\', "x\\"y"]\n',
    b"names: {0: car, 1: 'road, wet'}\n",
    b'names:\n- car\n- "road"\n',
]
_LINES = b"0 0.1 0.1 0.9 0.1 0.9 0.9\n1 0.0 0.0 1 0 1 1 0 1\n0 0.064516129 0.117647059 0.5 0.5 0.2 0.9 0.064 0.117\n"


def read_json_format(name: str, seed: Callable[[], dict[str, Any]], random: Random, folder: Path) -> bool:
    """Throw damaged JSON at a reader: bare, or in a zip or tar that may be damaged, too."""
    data = damage_json(seed(), random) if random.random() < 0.7 else damage_bytes(json.dumps(seed()).encode(), random)
    if random.random() < 0.8:
        return _import(name, data, folder)
    return _import(name, _pack({"annotations/x.json": data, "images/a.jpg": b"no photo"}, random), folder)


def read_yolo(random: Random, folder: Path) -> bool:
    """Throw damaged lines, class names and zips at the reader."""
    yaml, lines = random.choice(_YAMLS), _LINES
    if random.random() < 0.5:
        yaml = damage_bytes(yaml, random)
    if random.random() < 0.8:
        lines = damage_bytes(lines, random)
    return _import("yolo", _pack({"data.yaml": yaml, "labels/train/a.txt": lines}, random), folder)


def read_pictures(name: str, random: Random, folder: Path) -> bool:
    """Throw damaged PNG and legends at the readers of index pictures."""
    place = "semantic" if name == "semantic_png" else "instances"
    legend, instances = json.dumps(_LEGEND).encode(), json.dumps(_INSTANCES).encode()
    if random.random() < 0.3:
        legend = damage_json(_LEGEND, random)
    if random.random() < 0.3:
        instances = damage_json(_INSTANCES, random)
    entries = {
        "legend.json": legend,
        "legends/a.json": instances,
        f"{place}/a.png": damage_png(random.choice(_PNGS), random),
    }
    return _import(name, _pack(entries, random), folder)


def read_rle(random: Random, _folder: Path) -> bool:
    """Throw counts of every kind at the mask code; what it takes must be what pycocotools' rules say it is."""
    counts: Any = random.choice(_RLES)["counts"]
    way = random.random()
    if way < 0.6:
        counts = damage_bytes(counts.encode(), random).decode("latin-1")
    elif way < 0.8:
        counts = [random.choice((0, 1, 17, 31, 526, 527, -1, 2**31, 2**64, 1.5)) for _ in range(random.randint(0, 9))]
    size = random.choice((SIZE, SIZE, SIZE, (31, 17), (1, 1), (0, 5), (-17, -31), (2**31, 2**31), (1, 527)))
    (found,) = measure_masks([counts], [size])
    if not isinstance(found, MeasuredMask):
        return False
    pixels = decode(found.counts, size)
    if pixels.shape != size or int(pixels.sum()) != found.area or encode(pixels) != found.counts:
        raise AssertionError(f"{counts!r} at {size} was read as {found}")
    return True


def read_polygons(random: Random, _folder: Path) -> bool:
    """Throw outlines of every kind at the code that fills them."""
    polygons = [
        [random.choice((random.uniform(-9, 40), random.randint(-5, 40), 1e9, -1e308, float("nan"), 17, 31, 0.5))
         for _ in range(random.choice((0, 3, 4, 6, 8, 12, 60)))]
        if random.random() < 0.6 else _OUTLINE
        for _ in range(random.randint(0, 4))
    ]  # fmt: skip
    try:
        counts = counts_from_polygons(polygons, SIZE)
    except MaskRefusedError:
        return False
    return decode(counts, SIZE).shape == SIZE


TARGETS: dict[str, Callable[[Random, Path], bool]] = {
    "coco": lambda random, folder: read_json_format("coco", _coco, random, folder),
    "sa1b": lambda random, folder: read_json_format("sa1b", _sa1b, random, folder),
    "yolo": read_yolo,
    "semantic_png": lambda random, folder: read_pictures("semantic_png", random, folder),
    "instance_png": lambda random, folder: read_pictures("instance_png", random, folder),
    "rle": read_rle,
    "polygons": read_polygons,
}


def _pack(entries: Entries, random: Random) -> bytes:
    """Return a zip or tar of the entries; every fifth one is damaged itself."""
    out = io.BytesIO()
    if random.random() < 0.7:
        with zipfile.ZipFile(out, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for name, data in entries.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(fileobj=out, mode="w") as tar:
            for name, data in entries.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    data = out.getvalue()
    return damage_bytes(data, random) if random.random() < 0.2 else data


def _import(name: str, data: bytes, folder: Path) -> bool:
    """Go the way of an import up to the database: detect, outline, masks, checks, table of refusals."""
    path = folder / "input"
    path.write_bytes(data)
    try:
        source = Source(path)
    except BrokenFileError:
        return False
    ledger = Ledger(Path(":memory:"))
    try:
        for kind in READ:
            load_reader(kind).recognise(source)
        return _take(name, source, ledger)
    except BrokenFileError:
        return False
    finally:
        source.close()
        ledger.close()


def _take(name: str, source: Source, ledger: Ledger) -> bool:
    reader = load_reader(name)(source)
    labels: dict[str, int | None] = {}
    for item in reader.outline():
        if isinstance(item, FileImage):
            ledger.add_images([KnownImage(item.key, 1, *SIZE)])
            reader.use_size(item.key, SIZE)
        elif isinstance(item, FileCategory):
            labels[item.key] = 1
    rows: list[tuple[int, FileMask | Problem]] = list(enumerate(reader.masks()))
    context = BatchContext(ledger, labels, None, ImportReport(), {})
    masks, problems = check_batch(rows, context)
    for problem in problems:
        csv_line(problem.place, problem.code, problem.reason)
    json.dumps([mask.fields for mask in masks], allow_nan=False).encode()
    if context.report.masks["created"] + context.report.masks["skipped"] + len(problems) != len(rows):
        raise AssertionError(f"of {len(rows)} rows {context.report.masks} were counted and {len(problems)} refused")
    return bool(masks)
