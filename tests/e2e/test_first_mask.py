"""From signing in to an exported mask, as a person does it: one story, told once, on a real photo."""

import json
import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from playwright.sync_api import Page, expect
from pycocotools.coco import COCO

from sam_core.asking import Answer, AskedPhoto
from sam_core.registry import build_model
from tests.e2e.steps import (
    PHOTOS,
    Server,
    accept_mask,
    choose_files,
    click_image,
    decode,
    expect_masks,
    fit_of,
    iou,
    make_project,
    open_image,
    painted_mask,
    payload,
    read_masks,
    wait_for_embeddings,
    wait_for_workspace,
)
from tests.e2e.workspace_steps import drag

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
CAT_WIDTH, CAT_HEIGHT = 451, 300
FOREHEAD = (225.0, 110.0)
WATCH_LOOKS = """() => {
  const isLooking = () => document.querySelector(".chip-looking") !== null;
  window.looksOver = 0;
  let was = isLooking();
  new MutationObserver(() => {
    if (was && !isLooking()) window.looksOver++;
    was = isLooking();
  }).observe(document, { childList: true, subtree: true });
}"""


@pytest.fixture
def opened(page: Page, server: Server) -> tuple[int, int]:
    """A project with two photos, the cat open in the workspace: (project id, image id)."""
    project_id = make_project(page, server, "First mask", ["Cat", "Cup"])
    choose_files(page, [payload("cat.jpg"), payload("coffee.jpg")])
    wait_for_embeddings(page)
    return project_id, open_image(page, "cat.jpg")


def draw_mask(page: Page, x: float = FOREHEAD[0], y: float = FOREHEAD[1]) -> None:
    """Click on the cat and keep the mask."""
    click_image(page, fit_of(page, CAT_WIDTH, CAT_HEIGHT), x, y)
    accept_mask(page, count=1)


def test_a_click_draws_a_mask_that_is_saved_with_its_provenance_and_shown_as_saved(
    page: Page, server: Server, opened: tuple[int, int]
) -> None:
    draw_mask(page)
    (saved,) = read_masks(page, server, opened[1])
    mask = decode(saved)

    assert mask.shape == (CAT_HEIGHT, CAT_WIDTH)
    assert mask[int(FOREHEAD[1]), int(FOREHEAD[0])], "the mask holds the point that was clicked"
    assert 0.05 < mask.mean() < 0.95
    assert saved["area"] == mask.sum()
    assert (saved["source"], saved["state"], saved["author"]["name"]) == ("manual", "accepted", "admin")
    (prompt,) = saved["provenance"]["prompts"]
    assert prompt["label"] == 1
    assert abs(prompt["x"] - FOREHEAD[0]) < 1
    assert abs(prompt["y"] - FOREHEAD[1]) < 1
    assert saved["provenance"]["model_version"]

    fit = fit_of(page, CAT_WIDTH, CAT_HEIGHT)
    assert iou(painted_mask(page, fit, CAT_WIDTH, CAT_HEIGHT), mask) > 0.97


@contextmanager
def looks(page: Page) -> Iterator[None]:
    """What is done within is answered, and then looked at more closely: wait until that is over."""
    page.evaluate(WATCH_LOOKS)
    yield
    deadline = time.monotonic() + 60
    while not page.evaluate("window.looksOver"):  # the page's policy allows no wait_for_function
        assert time.monotonic() < deadline, "no closer look came to an end"
        page.wait_for_timeout(20)


def cat() -> AskedPhoto:
    """The cat's photo, and the shipped model to ask about it."""
    return AskedPhoto(build_model("sam_lite"), np.array(PIL.Image.open(PHOTOS / "cat.jpg").convert("RGB")))


def clicked_as(saved: dict[str, Any], photo: AskedPhoto) -> Answer:
    """What sam_core answers at once to the lone click of a saved mask."""
    (prompt,) = saved["provenance"]["prompts"]
    return photo.answer_at_once(np.array([[prompt["x"] - 0.5, prompt["y"] - 0.5], [0, 0]]), np.array([1, -1]))


@torch.inference_mode()
def test_the_mask_lies_on_the_photo_s_edges_and_is_seen_in_a_mirror_as_sam_core_s_own_is(
    page: Page, server: Server, opened: tuple[int, int]
) -> None:
    """Decoded and snapped in the browser, from its own copy of the photo: the same but for how it scales pictures."""
    with looks(page):
        click_image(page, fit_of(page, CAT_WIDTH, CAT_HEIGHT), *FOREHEAD)
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, opened[1])
    photo = cat()
    at_once = clicked_as(saved, photo)
    seen = photo.look_closer(at_once)
    assert seen.encoded is photo.in_mirror  # the cat is too large for more
    snapped, drawn = seen.mask(), decode(saved)
    photo.in_mirror.guide = None
    as_decoded = replace(seen).mask()
    assert iou(drawn, snapped) > 0.995
    assert iou(drawn, snapped) > max(iou(drawn, as_decoded), iou(drawn, at_once.mask()))


@torch.inference_mode()
def test_tab_shows_what_else_a_click_may_mean_as_sam_core_thinks_it_over(
    page: Page, server: Server, opened: tuple[int, int]
) -> None:
    """A click on an eye, thought over in the browser: the candidate after the own choice is sam_core's."""
    with looks(page):
        click_image(page, fit_of(page, CAT_WIDTH, CAT_HEIGHT), 176, 109)
    page.keyboard.press("Tab")
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, opened[1])
    photo = cat()
    at_once = clicked_as(saved, photo)
    thought = photo.look_closer(at_once)
    after_own, drawn = thought.chosen % 3 + 1, decode(saved)
    unthought = replace(thought, seen=(at_once.seen[0],), picked=None)
    assert iou(drawn, thought.mask(after_own)) > 0.97
    assert iou(drawn, thought.mask(after_own)) > max(iou(drawn, unthought.mask(k)) for k in (1, 2, 3))


@torch.inference_mode()
def test_a_box_holds_its_mask_as_sam_core_s_own_does(page: Page, server: Server, opened: tuple[int, int]) -> None:
    """A box on the cat's head and a click in it, for which the model's mask would not keep to the box by itself."""
    fit = fit_of(page, CAT_WIDTH, CAT_HEIGHT)
    with looks(page):
        drag(page, fit, (242, 28), (422, 173))
    with looks(page):
        click_image(page, fit, 277.5, 49.5)
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, opened[1])
    prompt, click = saved["provenance"]["prompts"]
    box = np.array([prompt[corner] for corner in ("x0", "y0", "x1", "y1")])
    assert np.abs(box - (242, 28, 422, 173)).max() < 1
    corners, point = box.reshape(2, 2), np.array([[click["x"] - 0.5, click["y"] - 0.5]])
    photo = cat()
    boxed = photo.look_closer(photo.answer_at_once(corners, np.array([2, 3])))
    seen = photo.ask_on(np.concatenate([corners, point]), np.array([2, 3, 1]), boxed)
    held, drawn = seen.mask(), decode(saved)
    photo.sam.obeys_prompts = False
    free = replace(seen).mask()
    assert iou(held, free) < 0.9
    assert iou(drawn, held) > 0.97  # the photo says little about such a box: its cells and float16 count for more here


@torch.inference_mode()
def test_a_small_thing_is_looked_at_more_closely_as_sam_core_does(
    page: Page, server: Server, opened: tuple[int, int]
) -> None:
    """A box around an eye: answered at once, bettered when the part around it has been encoded; so is a click then."""
    fit = fit_of(page, CAT_WIDTH, CAT_HEIGHT)
    with looks(page):
        drag(page, fit, (160, 95), (192, 123))
    candidates = page.get_by_role("group", name="Candidates")
    page.keyboard.press("ControlOrMeta+z")
    expect(candidates).to_have_count(0)
    page.keyboard.press("ControlOrMeta+Shift+z")
    with looks(page):
        click_image(page, fit, 187, 100, button="right")
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, opened[1])
    box, click = sorted(saved["provenance"]["prompts"], key=lambda prompt: prompt["type"])
    corners = np.array([[box["x0"], box["y0"]], [box["x1"], box["y1"]]])
    points = np.array([[click["x"] - 0.5, click["y"] - 0.5], *corners])
    photo = cat()
    at_once = photo.answer_at_once(corners, np.array([2, 3]))
    closer = photo.look_closer(at_once)
    then = photo.ask_on(points, np.array([0, 2, 3]), closer)
    part, drawn = saved["provenance"]["crop_box"], decode(saved)
    assert part == list(closer.encoded.part or ())
    views = [{"crop_box": seen, "is_mirrored": is_mirrored} for seen in (None, part) for is_mirrored in (False, True)]
    assert saved["provenance"]["views"] == views
    assert len(then.seen) == len(views)
    assert max(part[2] - part[0], part[3] - part[1]) < CAT_WIDTH / 3
    assert iou(drawn, then.mask()) > 0.97
    assert iou(drawn, then.mask()) > max(iou(drawn, closer.mask()), iou(drawn, at_once.mask()))


def test_a_background_click_takes_away(page: Page, server: Server, opened: tuple[int, int]) -> None:
    fit = fit_of(page, CAT_WIDTH, CAT_HEIGHT)
    click_image(page, fit, *FOREHEAD)
    page.mouse.click(fit.left + 440 * fit.scale, fit.top + 20 * fit.scale, button="right")
    expect(page.get_by_role("group", name="Candidates").get_by_text("Working")).to_have_count(0)
    accept_mask(page, count=1)
    (saved,) = read_masks(page, server, opened[1])
    assert [prompt["label"] for prompt in saved["provenance"]["prompts"]] == [1, 0]
    assert not decode(saved)[20, 440]


def test_the_mask_is_there_after_a_reload(page: Page, server: Server, opened: tuple[int, int]) -> None:
    draw_mask(page)
    before = read_masks(page, server, opened[1])
    page.reload()
    wait_for_workspace(page)
    expect_masks(page, 1)
    mask = decode(before[0])
    assert read_masks(page, server, opened[1]) == before
    assert iou(painted_mask(page, fit_of(page, CAT_WIDTH, CAT_HEIGHT), CAT_WIDTH, CAT_HEIGHT), mask) > 0.97


def test_deleting_can_be_undone(page: Page, server: Server, opened: tuple[int, int]) -> None:
    draw_mask(page)
    (before,) = read_masks(page, server, opened[1])
    page.get_by_role("grid", name="Masks").get_by_role("row").first.click()
    page.keyboard.press("Delete")
    expect(page.get_by_role("grid", name="Masks").get_by_role("row")).to_have_count(0)
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert read_masks(page, server, opened[1]) == []

    page.get_by_role("button", name="Undo").click()
    expect_masks(page, 1)
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    (after,) = read_masks(page, server, opened[1])
    assert (after["id"], after["counts"], after["label_id"]) == (before["id"], before["counts"], before["label_id"])


def test_the_next_image_is_one_click_away(page: Page, opened: tuple[int, int]) -> None:
    page.get_by_role("button", name="Next image").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("coffee.jpg")
    expect(page).not_to_have_url(re.compile(rf"/images/{opened[1]}/$"))


def test_exports_equal_the_mask_on_the_screen(
    page: Page, server: Server, opened: tuple[int, int], tmp_path: Path
) -> None:
    project_id, image_id = opened
    draw_mask(page)
    (saved,) = read_masks(page, server, image_id)
    page.goto(f"{server.address}/projects/{project_id}/exports/")

    coco = load_coco(export(page, "COCO", tmp_path), tmp_path)
    (row,) = coco.loadAnns(coco.getAnnIds())
    assert coco.loadImgs(row["image_id"])[0]["file_name"].endswith("cat.jpg")
    assert coco.loadCats(row["category_id"])[0]["name"] == "Cat"
    np.testing.assert_array_equal(coco.annToMask(row).astype(bool), decode(saved))

    (record,) = [one for one in read_json(export(page, "SA-1B", tmp_path)) if one.get("annotations")]
    (mask,) = record["annotations"]
    np.testing.assert_array_equal(decode({**mask["segmentation"]}), decode(saved))
    assert mask["predicted_iou"] == pytest.approx(saved["predicted_iou"], abs=1e-3)

    assert export_by_command(project_id, server, tmp_path) == saved["counts"]


def export(page: Page, kind: str, folder: Path) -> Path:
    """Start an export on the page and return the file that the page then offers."""
    page.get_by_role("radio", name=kind).check()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_text("Done: the file is at the top of the list.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    return target


def load_coco(file: Path, folder: Path) -> COCO:
    """Load a COCO export with pycocotools."""
    (content,) = [one for one in read_json(file) if "categories" in one]
    plain = folder / "coco.json"
    plain.write_text(json.dumps(content))
    return COCO(str(plain))


def read_json(file: Path) -> list[dict[str, Any]]:
    """Return every JSON object of an export: of a zip, of a tar, or the file itself."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            return [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    if tarfile.is_tarfile(file):
        with tarfile.open(file) as archive:
            members = [archive.extractfile(one) for one in archive.getmembers() if one.name.endswith(".json")]
            return [json.loads(member.read()) for member in members if member]
    return [json.loads(file.read_bytes())]


def export_by_command(project_id: int, server: Server, folder: Path) -> str:
    """Export with manage.py and return the counts of the only mask."""
    output = folder / "by-command"
    command = [
        sys.executable,
        "manage.py",
        "export_project",
        str(project_id),
        "--format",
        "coco",
        "--output",
        str(output),
    ]
    environment = {**os.environ, "DATA_DIR": str(server.data_dir), "DJANGO_SETTINGS_MODULE": "annotator.settings"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    found = [one for file in output.rglob("*") if file.suffix == ".json" for one in read_json(file)]
    (content,) = [one for one in found if one.get("annotations") and "categories" in one]
    (row,) = content["annotations"]
    return str(row["segmentation"]["counts"])
