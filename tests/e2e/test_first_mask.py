"""From signing in to an exported mask, as a person does it: one story, told once, on a real photo."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pycocotools.coco import COCO

from tests.e2e.steps import (
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

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
CAT_WIDTH, CAT_HEIGHT = 451, 300
FOREHEAD = (225.0, 110.0)


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
    # The name of a choice is its title and a sentence: "COCO" alone also begins "COCO panoptic".
    page.get_by_role("radio", name=re.compile(f"^{kind} (?!panoptic)")).check()
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
