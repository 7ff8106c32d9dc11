"""Names in zips that are not UTF-8, and names of photos in every form: two photos in, two photos out."""

import io
import unicodedata
import zipfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.images.models import Image
from annotator.photos.naming import MAX_PATH_LENGTH, fold, name_key, numbered_path, path_in_file, photo_path
from annotator.photos.zip_names import CHARSETS, find_charset
from annotator.projects.models import Project
from tests.annotator.conftest import Api, jpeg

NAMES = {
    "cp949": ["도로/사건사고데이터_01.jpg", "도로/강아지.jpg"],
    "cp932": ["道路/写真データ.jpg", "道路/東京タワー_01.jpg"],
    "gb18030": ["数据集/照片_01.jpg", "数据集/中文文件名.jpg"],
    "big5": ["資料集/圖片_01.jpg", "資料集/影像.jpg"],
    "utf-8": ["도로/강아지.jpg", "数据集/照片.jpg"],
}


def zip_in(charset: str, *entries: tuple[str, bytes]) -> bytes:
    """Return a zip as a tool without UTF-8 writes it: the names' bytes in a charset, and no flag that says so."""
    buffer = io.BytesIO()
    places = {}
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, (name, data) in enumerate(entries):
            raw = name.encode(charset)
            place = f"{number:03}" + "x" * (len(raw) - 3)
            places[place.encode()] = raw
            archive.writestr(place, data)
    packed = buffer.getvalue()
    for stand_in, raw in places.items():
        packed = packed.replace(stand_in, raw)
    return packed


@pytest.mark.parametrize("charset", NAMES)
def test_zip_names_are_read_by_their_charset(as_admin: Api, project: Project, charset: str) -> None:
    data = zip_in(charset, *[(name, jpeg(seed=seed)) for seed, name in enumerate(NAMES[charset])])
    rows = as_admin.upload(project, ("x.zip", data)).json()
    assert [row["name"] for row in rows] == NAMES[charset]
    assert [row["status"] for row in rows] == ["added", "added"]
    if charset != "utf-8":
        assert CHARSETS[charset] in rows[0]["message"]


def test_western_names_of_old_zips_stay_as_they_are(as_admin: Api, project: Project) -> None:
    row = as_admin.upload(project, ("x.zip", zip_in("cp437", ("café/Müller.jpg", jpeg())))).json()[0]
    assert (row["name"], row["status"]) == ("café/Müller.jpg", "added")
    assert "not UTF-8" in row["message"]


def test_what_the_archive_itself_says_decides_before_the_guess() -> None:
    names = ["苹果.jpg".encode("gbk")]  # as Korean it would be two everyday syllables
    assert find_charset(names) == "cp949"
    assert find_charset(names, lambda words: sum(word == "苹果" for word in words)) == "gb18030"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("day1/001.png", "day1/001.png"),
        ("day1\\001.png", "day1/001.png"),
        ("C:\\data\\day1\\001.png", "data/day1/001.png"),
        ("/srv/../etc/./001.png", "srv/etc/001.png"),
        ("a\0b\u202e/c.png", "ab/c.png"),
        ("../..", "photo"),
        (unicodedata.normalize("NFD", "café/é.png"), unicodedata.normalize("NFC", "café/é.png")),
    ],
)
def test_a_path_is_what_was_sent_without_what_leads_astray(raw: str, path: str) -> None:
    assert photo_path(raw) == path


def test_an_address_names_its_path() -> None:
    assert path_in_file("http://images.example.org/val2017/000000397133.png?x=1#y") == "val2017/000000397133.png"
    assert path_in_file("s3://bucket/day%201/a.png") == "day 1/a.png"
    assert path_in_file("100%25.png") == "100%25.png"  # no address, so the signs are the name's own


TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)


@given(TEXTS)
def test_paths_are_bounded_stable_and_safe(raw: str) -> None:
    path = photo_path(raw)
    assert 0 < len(path) <= MAX_PATH_LENGTH
    assert photo_path(path) == path
    assert not set(path.split("/")) & {"", ".", ".."}
    assert "\0" not in path


@given(st.text("ab", max_size=700), st.text("ab", max_size=700))
def test_two_long_names_stay_two(one: str, other: str) -> None:
    assert (photo_path(f"x{one}.png") == photo_path(f"x{other}.png")) == (one == other)


@given(TEXTS)
def test_the_form_of_a_name_does_not_change_its_key(raw: str) -> None:
    path = photo_path(raw)
    for form in ("NFC", "NFD"):
        assert name_key(unicodedata.normalize(form, path)) == name_key(path)
    assert fold(fold(raw)) == fold(raw)


@given(st.sets(st.sampled_from(["a.png", "a (2).png", "a (3).png", "b.png", "a"]), max_size=5), st.just("a.png"))
def test_a_number_never_takes_a_taken_path(taken: set[str], path: str) -> None:
    assert numbered_path(path, taken) not in taken


@pytest.mark.django_db
def test_every_form_of_one_name_is_one_photo_each(as_admin: Api, project: Project) -> None:
    names = ["é.jpg", "e\u0301.jpg", "É.jpg", "day/é.jpg", "é.JPG"]
    for seed, name in enumerate(names):
        answer: Any = as_admin.upload(project, (name, jpeg(seed=seed))).json()[0]
        assert answer["status"] == "added"
    assert Image.objects.count() == len(names)
    assert Image.objects.values("name").distinct().count() == len(names)
