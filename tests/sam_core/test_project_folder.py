"""A project's folder: what is learned from, what is held out, what is left out and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sam_core.masks import rle
from sam_core.training.photo_memory import DataError
from sam_core.training.project_folder import Prompt, joined_prompt, read_project
from tests.sam_core.project_photos import write_photo, write_project


def names(images: list[Any]) -> set[str]:
    return {image.name for image in images}


def change(path: Path, edit: Any) -> None:
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_a_fifth_is_held_out_and_stays_so_when_others_come(tmp_path: Path) -> None:
    folder = write_project(tmp_path, 60, held_out=None)
    first = read_project(folder)
    assert 4 <= len(first.held_out) <= 22
    assert len(first.held_out) + len(first.trained) == 60
    write_photo(folder / "more" / "new", np.random.default_rng(99))
    second = read_project(folder)
    assert names(first.held_out) <= names(second.held_out)
    assert names(first.trained) <= names(second.trained)
    (folder / "photo-03.png").rename(folder / "renamed.png")
    (folder / "photo-03.json").rename(folder / "renamed.json")
    assert ("renamed" in names(read_project(folder).held_out)) == ("photo-03" in names(first.held_out))


def test_photos_of_a_group_lie_on_one_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(30):
        write_photo(tmp_path / f"{number}", rng, facts={"group": number // 3})
    found = read_project(tmp_path)
    assert found.held_out
    assert not {one.group for one in found.held_out} & {one.group for one in found.trained}


@pytest.mark.parametrize("count", [2, 3, 5])
def test_one_at_least_is_held_out_and_one_learned_from(tmp_path: Path, count: int) -> None:
    for seed in range(6):
        folder = tmp_path / str(seed)
        rng = np.random.default_rng(seed)
        for number in range(count):
            write_photo(folder / f"{number}", rng)
        found = read_project(folder)
        assert len(found.held_out) >= 1
        assert len(found.trained) >= 1


def test_a_single_photo_is_learned_from(tmp_path: Path) -> None:
    for seed in range(8):
        folder = tmp_path / str(seed)
        write_photo(folder / "one", np.random.default_rng(seed))
        found = read_project(folder)
        assert (len(found.trained), len(found.held_out)) == (1, 0)


def test_what_an_image_says_of_itself_holds(tmp_path: Path) -> None:
    found = read_project(write_project(tmp_path, 12, held_out=7))
    assert names(found.held_out) == {f"photo-{number:02d}" for number in range(7)}
    for number in range(12):
        change(tmp_path / f"photo-{number:02d}.json", lambda content: content["image"].update(held_out=True))
    with pytest.raises(DataError, match=r"all images .* are held out; leave held_out false"):
        read_project(tmp_path)


def test_empty_masks_are_left_out_and_counted(tmp_path: Path) -> None:
    write_project(tmp_path, 6)
    empty = dict(rle.encode(np.zeros((64, 96), bool)))
    change(tmp_path / "photo-05.json", lambda content: content["annotations"][0].update(segmentation=empty))
    change(
        tmp_path / "photo-04.json", lambda content: [one.update(segmentation=empty) for one in content["annotations"]]
    )
    found = read_project(tmp_path)
    assert found.empty_masks == 3
    assert [len(one.masks) for one in found.trained] == [1]
    assert found.skipped == [{"image": "photo-04", "reason": "all of its masks are empty"}]


def test_photos_that_do_not_do_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    write_project(tmp_path, 10)
    Image.new("RGB", (50, 40)).save(tmp_path / "photo-05.png")
    (tmp_path / "photo-06.png").write_bytes(b"no photo")
    (tmp_path / "photo-07.png").unlink()
    (tmp_path / "photo-08.json").write_text("{")
    change(tmp_path / "photo-09.json", lambda content: content["annotations"][0].pop("segmentation"))
    found = read_project(tmp_path)
    assert names(found.trained) == {"photo-04"}
    reasons = {one["image"]: one["reason"] for one in found.skipped}
    assert reasons["photo-05"] == "a mask is of 96x64 pixels, the photo of 50x40"
    assert "cannot" in reasons["photo-06"]
    assert reasons["photo-07"] == "its photo is missing"
    assert reasons["photo-09"] == "its JSON lacks 'segmentation'"
    assert found.skipped_images == len(found.skipped) == 5


def test_a_photo_is_measured_upright(tmp_path: Path) -> None:
    write_project(tmp_path, 3, held_out=1)
    with Image.open(tmp_path / "photo-02.png") as lying:
        turned = lying.transpose(Image.Transpose.ROTATE_90)
        exif = turned.getexif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise when shown
        turned.save(tmp_path / "photo-02.png", exif=exif)
    assert read_project(tmp_path).skipped == []


def test_a_folder_without_masks_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"put NAME\.json with annotations beside each photo"):
        read_project(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        read_project(tmp_path / "nothing")


def test_prompts_may_repeat_or_go_on() -> None:
    first, second = {"points": [[1, 2]], "labels": [1]}, {"points": [[3, 4]], "labels": [0], "box": [0, 0, 9, 9]}
    whole = {"points": [[1, 2], [3, 4]], "labels": [1, 0], "box": [0, 0, 9, 9]}
    expected = Prompt(((1.0, 2.0), (3.0, 4.0)), (1, 0), (0.0, 0.0, 9.0, 9.0))
    assert joined_prompt([first, second]) == joined_prompt([first, whole]) == joined_prompt([whole]) == expected
    assert joined_prompt([]) is joined_prompt([{"points": [], "labels": [], "box": None}]) is None
    with pytest.raises(DataError, match="as many labels as points"):
        joined_prompt([{"points": [[1, 2]], "labels": []}])
