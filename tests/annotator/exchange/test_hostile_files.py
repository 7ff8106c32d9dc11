"""Files that mean harm: refused or reported row by row, in bounded memory, and nothing of a broken file is taken."""

import io
import json
import os
import resource
import stat
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotator.annotations.models import Annotation
from annotator.exchange.files.csv_lines import csv_line
from annotator.exchange.files.source import BrokenFileError, Source
from annotator.exchange.models import ImportRun as ImportRow
from annotator.images.models import Image
from annotator.mask_gateway import counts_from_polygons, encode
from annotator.projects.models import Label, Project
from annotator.sam_gateway import MaskRefusedError
from tests.annotator.exchange.fixture_types import AddImage, TakeIn

GOOD = encode(np.eye(17, 31, dtype=bool))


@pytest.fixture
def image(project: Project, add_image: AddImage) -> Image:
    return add_image(project, "a.jpg")


def coco(annotations: Any, **changes: Any) -> dict[str, Any]:
    page = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 31, "height": 17}],
        "categories": [{"id": 1, "name": "Car"}],
        "annotations": annotations,
    }
    return {**page, **changes}


def row(number: Any, **changes: Any) -> dict[str, Any]:
    rle = {"size": [17, 31], "counts": GOOD}
    return {"id": number, "image_id": 1, "category_id": 1, "segmentation": rle, **changes}


def rle(counts: Any, size: tuple[object, object] = (17, 31)) -> dict[str, Any]:
    return {"size": list(size), "counts": counts}


@pytest.fixture
def take(image: Image, take_in: TakeIn, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def do(page: str | dict[str, Any], **options: Any) -> dict[str, Any]:
        path = tmp_path / "file.json"
        path.write_text(page if isinstance(page, str) else json.dumps(page).replace('"INF"', "1e400"))
        return take_in(image.project, path, format="coco", **options)

    return do


BAD_ROWS = [
    ("bad_counts", row(2, segmentation=rle("~~~~"))),
    ("bad_counts", row(2, segmentation=rle("PPPPPPPPPPPPPPPP"))),
    ("bad_counts", row(2, segmentation=rle([-5, 532]))),
    ("bad_counts", row(2, segmentation=rle([10**18, 5]))),
    ("bad_counts", row(2, segmentation=rle([1.5, 525.5]))),
    ("bad_counts", row(2, segmentation=rle({"a": 1}))),
    ("bad_counts", row(2, segmentation=rle(None))),
    ("wrong_size", row(2, segmentation=rle(GOOD, (-17, -31)))),
    ("wrong_size", row(2, segmentation=rle(GOOD, (100_000, 10_000)))),
    ("wrong_size", row(2, segmentation=rle(GOOD, ("17", 31)))),
    ("wrong_size", row(2, segmentation={"counts": GOOD})),
    ("empty_mask", row(2, segmentation=rle([17 * 31]))),
    ("no_mask", row(2, segmentation=[])),
    ("no_mask", row(2, segmentation="x")),
    ("bad_polygon", row(2, segmentation=[[1, 1, 2, 2]])),
    ("bad_polygon", row(2, segmentation=[[1, 1, 5, 1, 1e308, 5]])),
    ("bad_polygon", row(2, segmentation=[[1, 1, 5, 1, "INF", "INF"]])),
    ("bad_polygon", row(2, segmentation=[["a", 1, 5, 1, 1, 5]])),
    ("bad_polygon", row(2, segmentation=[[[1, 1, 1], [5, 1, 1], [5, 5, 1]]])),
    ("bad_polygon", row(2, segmentation=[[0, 0, 30, 16] * 100_000])),
    ("bad_polygon", row(2, segmentation=[[0, 0, 1, 0, 1, 1]] * 20_000)),
    ("bad_annotation", row(2, image_id=True)),
    ("bad_annotation", row(2, category_id=float("nan"))),
    ("bad_polygon", row(2, segmentation=[[1, 1, 5, 1, float("nan"), 5]])),
    ("off_the_photo", row(2, segmentation=[[100, 100, 110, 100, 110, 110]])),
    ("only_a_box", row(2, segmentation=[], bbox=[1, 1, 5, 5])),
    ("no_mask", row(2, segmentation=[], bbox=[1, 1, float("nan"), 5])),
    ("no_such_image", row(2, image_id=99)),
    ("bad_annotation", row(2, image_id=None)),
    ("bad_annotation", row(2, image_id={"id": 1})),
    ("no_such_category", row(2, category_id=99)),
    ("bad_annotation", "text"),
    ("bad_annotation", None),
]


@pytest.mark.parametrize(("code", "bad"), BAD_ROWS)
def test_a_bad_row_is_named_and_costs_no_other(take: Callable[..., dict[str, Any]], code: str, bad: Any) -> None:
    report = take(coco([row(1), bad, row(3)]))
    assert report["codes"] == {code: 1}
    assert report["masks"] == {"read": 3, "created": 2, "unchanged": 0, "skipped": 0, "refused": 1}
    rows = Path(ImportRow.objects.get().rows_file.path).read_text().splitlines()
    assert len(rows) == 2
    assert code in rows[1]


BAD_LISTS = [
    ("double_id", {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]}),
    ("double_id", {"categories": [{"id": 1, "name": "Car"}, {"id": 1, "name": "Bus"}]}),
    ("image_refused", {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "a.jpg", "width": 10**9}]}),
    ("image_unknown", {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "../../a.png"}]}),
    ("bad_image", {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": None, "file_name": "a.jpg"}]}),
    ("bad_image", {"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2}]}),
    ("bad_category", {"categories": [{"id": 1, "name": "Car"}, {"id": 2, "name": ""}]}),
    ("bad_category", {"categories": [{"id": 1, "name": "Car"}, "Bus"]}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "changes"), BAD_LISTS)
def test_a_bad_image_or_category_is_named_in_the_table_and_costs_no_other(
    take: Callable[..., dict[str, Any]], code: str, changes: dict[str, Any]
) -> None:
    report = take(coco([row(1)], **changes))
    assert code in report["codes"]
    assert report["masks"]["created"] == 1
    rows = Path(ImportRow.objects.get().rows_file.path).read_text().splitlines()
    assert any(f",{code}," in line for line in rows)


BROKEN_FILES = [
    json.dumps(coco([row(1), row(2)]))[:-20],
    json.dumps(coco([row(1)])) + "x",
    json.dumps(coco([row(1)])).replace('"id": 1, "image_id"', '"area": NaNa, "id": 1, "image_id"'),
    json.dumps(coco([row(1)], info="\ud800")).replace("\\ud800", "\x01"),
    '{"images": [], "annotations": ' + "[" * 200_000,
    '{"images": [], "annotations": [' + '{"a":' * 200_000,
    '{"images": {"a": 1}, "annotations": []}',
    '{"images": [], "annotations": [{"id": ' + "9" * 6000 + "}]}",
    '{"images": [], "annotations": [{"id": "' + "x" * 9_000_000 + '"}]}',
    "[]",
    "",
    "\x00\x01\x02",
]


@pytest.mark.parametrize("text", BROKEN_FILES, ids=range(len(BROKEN_FILES)))
def test_a_broken_file_is_refused_whole(take: Callable[..., dict[str, Any]], text: str) -> None:
    with pytest.raises(BrokenFileError):
        take(text)
    assert not Annotation.objects.exists()


def test_text_that_is_not_utf_8_is_refused(image: Image, take_in: TakeIn, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{"images": [{"id": 1, "file_name": "\xff\xfe"}], "annotations": []}')
    with pytest.raises(BrokenFileError):
        take_in(image.project, path, format="coco")


def test_two_gigabytes_of_brackets_are_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "deep.json"
    with path.open("wb") as file:
        file.write(b'{"annotations": [' + b"[" * 1000)
        file.truncate(2 * 1024**3)  # zeros: a hole on disk, bytes to the reader
    script = (
        "import sys, resource; resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20))\n"
        "from annotator.exchange.files.json_stream import BrokenJsonError, read_object\n"
        "try:\n"
        "    list(read_object(open(sys.argv[1], 'rb'), arrays=('annotations',)))\n"
        "except BrokenJsonError:\n"
        "    print('refused', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    answer = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("refused")
    # A child starts with the peak of the process that made it, so only growth beyond that counts.
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert int(answer.stdout.split()[1]) < max(ours, 0) + 200 * 1024


def test_names_that_lead_elsewhere_reach_nowhere(image: Image, take_in: TakeIn, tmp_path: Path) -> None:
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../evil.json", json.dumps(coco([row(1)])))
        archive.writestr("/etc/evil.jpg", b"no photo")
    report = take_in(image.project, path)
    assert report["masks"]["created"] == 1
    assert not (tmp_path.parent / "evil.json").exists()
    assert not Path("/etc/evil.jpg").exists()


def test_links_in_archives_and_folders_are_left_out(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(coco([])))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.json").symlink_to(secret)
    linked = zipfile.ZipInfo("link.json")
    linked.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(linked, str(secret))
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("link.json")
        member.type, member.linkname = tarfile.SYMTYPE, str(secret)
        tar.addfile(member)
    for path in (folder, tmp_path / "a.zip", tmp_path / "a.tar"):
        source = Source(path)
        assert source.entries == []
        assert [name for name, _ in source.left_out] == ["link.json"]
        source.close()


def test_a_zip_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", b"0" * 20_000_000)
    with pytest.raises(BrokenFileError, match="far more"):
        Source(path)


def test_a_damaged_zip_is_refused(image: Image, take_in: TakeIn, tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.json", json.dumps(coco([row(1)])))
    broken = bytearray(data.getvalue())
    broken[60] ^= 0xFF
    (tmp_path / "a.zip").write_bytes(bytes(broken))
    with pytest.raises(BrokenFileError):
        take_in(image.project, tmp_path / "a.zip")
    assert not Annotation.objects.exists()


def test_a_zip_whose_entry_has_no_name_is_refused(tmp_path: Path) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("x", b"{}")
    nameless = bytearray(data.getvalue())
    entry = nameless.index(b"PK\x01\x02")
    nameless[entry + 28], nameless[entry + 30] = 0, 1  # the name's byte becomes one of the extra field
    (tmp_path / "a.zip").write_bytes(bytes(nameless))
    with pytest.raises(BrokenFileError, match="damaged"):
        Source(tmp_path / "a.zip")


def test_names_that_are_formulas_stay_text(take: Callable[..., dict[str, Any]]) -> None:
    report = take(coco([], images=[{"id": 1, "file_name": '=HYPERLINK("http://x")', "width": 3, "height": 3}]))
    assert report["images"]["unknown"] == 1
    assert csv_line("=1+1", "@x", "-2", "plain") == b"'=1+1,'@x,'-2,plain\r\n"


def test_a_label_with_a_hostile_name_is_cleaned(take: Callable[..., dict[str, Any]], project: Project) -> None:
    take(
        coco(
            [row(1)],
            categories=[{"id": 1, "name": "  \u202eev\x00il\ud83d  " + "x" * 500, "maskwright": {"color": "red;"}}],
        )
    )
    label = Label.objects.exclude(name="Car").get(project=project)
    assert label.name.startswith("evil")
    assert len(label.name) <= 200
    assert label.color.startswith("#")


def test_outlines_that_would_take_all_memory_are_refused() -> None:
    with pytest.raises(MaskRefusedError, match="outline"):
        counts_from_polygons([[0, 0, 20_000, 0, 0, 10_000] * 50_000], (10_000, 20_000))


def test_an_index_picture_that_is_not_as_large_as_its_photo_is_not_unpacked(
    image: Image, take_in: TakeIn, tmp_path: Path
) -> None:
    head = b"\x89PNG\r\n\x1a\n"
    size = (9_000).to_bytes(4) + (9_000).to_bytes(4) + bytes([16, 0, 0, 0, 0])
    chunks = [(b"IHDR", size), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    data = b"".join(len(b).to_bytes(4) + kind + b + zlib.crc32(kind + b).to_bytes(4) for kind, b in chunks)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("semantic/a.png", head + data)
    report = take_in(image.project, tmp_path / "x.zip")
    assert (report["images"]["refused"], report["masks"]["created"]) == (1, 0)
    assert report["codes"] == {"image_refused": 1, "image_not_taken": 1}


def test_sa1b_with_one_broken_file_takes_the_others(image: Image, take_in: TakeIn, tmp_path: Path) -> None:
    folder = tmp_path / "sa"
    folder.mkdir()
    mask = {"id": 1, "segmentation": rle(GOOD), "predicted_iou": 1e400, "crop_box": ["x"], "point_coords": [[1]]}
    image_entry = {"image_id": 1, "width": 31, "height": 17, "file_name": "a.jpg"}
    good = {"image": image_entry, "annotations": [mask]}
    (folder / "a.json").write_text(json.dumps(good).replace("Infinity", "1e400"))
    (folder / "b.json").write_text(json.dumps(good)[:60])
    os.mkfifo(folder / "c.json")
    report = take_in(image.project, folder, format="sa1b")
    assert report["masks"]["created"] == 1
    assert report["codes"]["entry_left_out"] == report["codes"]["broken_json"] == 1
    stored = Annotation.objects.get()
    assert (stored.predicted_iou, stored.provenance["imported"].get("point_coords")) == (None, None)
