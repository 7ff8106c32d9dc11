"""Masks in and out through the pages: preview, mapping, report; check, export, certificate, download, link."""

import csv
import io
import json
import re
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Download, Page, expect
from pycocotools import mask as coco_mask

from tests.e2e.steps import PHOTOS, Server, choose_files, encode, make_project, payload
from tests.e2e.test_adding_images import noise

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]
HEIGHT, WIDTH = 48, 64


def rle_of(rows: slice, columns: slice) -> dict[str, Any]:
    """Return the RLE of a box of pixels."""
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    pixels[rows, columns] = 1
    rle = coco_mask.encode(pixels)
    return {"size": [HEIGHT, WIDTH], "counts": rle["counts"].decode()}


BODY = rle_of(slice(5, 40), slice(8, 50))
SPECK = rle_of(slice(2, 4), slice(2, 4))


def coco_file() -> bytes:
    """Two sound masks, one that does not fit its photo, one on a photo that nobody has."""
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": BODY},
        {"id": 2, "image_id": 1, "category_id": 2, "segmentation": SPECK},
        {"id": 3, "image_id": 1, "category_id": 1, "segmentation": {"size": [9, 9], "counts": [3, 3, 75]}},
        {"id": 4, "image_id": 2, "category_id": 1, "segmentation": BODY},
    ]
    images = [{"id": 1, "file_name": "one.png", "width": WIDTH, "height": HEIGHT}, {"id": 2, "file_name": "=lost.png"}]
    categories = [{"id": 1, "name": "Cat"}, {"id": 2, "name": "Wheel"}]
    return json.dumps({"images": images, "categories": categories, "annotations": annotations}).encode()


def masks_to_add(page: Page) -> Any:
    """Return the figure of the preview."""
    return page.locator("dl.outcome div", has_text="Masks to add").locator("dd")


def choose_import(page: Page, server: Server, project_id: int) -> None:
    """Send the file and wait for its preview."""
    page.goto(f"{server.address}/projects/{project_id}/imports/")
    page.get_by_label("Choose a file to import").set_input_files([payload("masks.json", coco_file())])
    expect(masks_to_add(page)).to_be_visible()


def read(download: Download) -> bytes:
    """Return what the browser saved."""
    return download.path().read_bytes()


def all_masks(page: Page, server: Server, project_id: int) -> list[dict[str, Any]]:
    """Return every mask of the project as the API gives them."""
    images = page.request.get(f"{server.address}/api/v1/projects/{project_id}/images").json()["items"]
    pages = [page.request.get(f"{server.address}/api/v1/images/{image['id']}/annotations").json() for image in images]
    return [mask for one in pages for mask in one["annotations"]]


def test_a_file_is_looked_at_mapped_imported_and_comes_out_again(page: Page, browser: Browser, server: Server) -> None:
    project_id = make_project(page, server, "Exchange", ["Cat"])
    choose_files(page, [payload("one.png", encode(noise(WIDTH, HEIGHT), "PNG"))])

    choose_import(page, server, project_id)
    expect(masks_to_add(page)).to_have_text("2")
    expect(page.get_by_text("The mask says [9, 9], its photo is [48, 64] (height, width).")).to_be_visible()
    page.get_by_label("Wheel becomes").select_option(label="Leave these masks out")
    page.get_by_role("button", name="Look again with these choices").click()
    expect(masks_to_add(page)).to_have_text("1")
    assert all_masks(page, server, project_id) == []

    page.get_by_label("Wheel becomes").select_option(label="New label “Wheel”")
    page.get_by_role("button", name="Import with these choices").click()
    expect(page.get_by_text("Imported: 2 new masks. 2 rows were not taken.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the table").click()
    table = list(csv.reader(io.StringIO(read(download.value).decode())))
    assert [row[1] for row in table[1:]] == ["image_unknown", "wrong_size", "image_not_taken"]
    assert table[1][0] == "'=lost.png", "a spreadsheet must not take a name for a formula"
    assert sorted(mask["counts"] for mask in all_masks(page, server, project_id)) == sorted(
        [BODY["counts"], SPECK["counts"]]
    )

    choose_import(page, server, project_id)
    expect(masks_to_add(page)).to_have_text("0")
    expect(page.get_by_role("button", name="Nothing to add")).to_be_disabled()

    export_and_follow(page, browser, server, project_id)


def test_the_documented_scripts_run_as_they_stand(page: Page, server: Server, tmp_path: Path) -> None:
    """Upload, wait for the embedding, export; then, with a mask, once more, and train from the file."""
    upload, train = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.S)
    project_id = make_project(page, server, "Scripted", ["Cat"])
    token = make_token(page, server)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(PHOTOS / "cat.jpg", "cat.jpg")
    arguments = [server.address, token, str(project_id), "photos.zip"]
    run_script(upload, tmp_path, arguments)
    assert load_page(tmp_path)["annotations"] == []

    mask = add_mask_by_token(page, server, token, project_id)
    run_script(upload, tmp_path, arguments)
    (row,) = load_page(tmp_path)["annotations"]
    assert row["segmentation"] == mask
    assert re.fullmatch(r"loss \d+\.\d+\n", run_script(train, tmp_path, ["export.zip"]))


def make_token(page: Page, server: Server) -> str:
    """Make a token that may do everything, as a person does."""
    page.goto(f"{server.address}/account/")
    page.get_by_label("Name", exact=True).fill("script")
    page.get_by_label("May").select_option(label="All that you may")
    page.get_by_label("Works for").select_option(label="7 days")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("it is shown this once")).to_be_visible()
    return page.locator("[data-token-shown] code").inner_text()


def run_script(script: str, folder: Path, arguments: list[str]) -> str:
    """Run a script in a folder and return what it printed."""
    (folder / "script.py").write_text(script)
    command = [sys.executable, "script.py", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def load_page(folder: Path) -> dict[str, Any]:
    """Return the COCO page of the export that the script fetched."""
    with zipfile.ZipFile(folder / "export.zip") as archive:
        assert "images/cat.jpg" in archive.namelist()
        page: dict[str, Any] = json.loads(archive.read("annotations/instances.json"))
    return page


def add_mask_by_token(page: Page, server: Server, token: str, project_id: int) -> dict[str, Any]:
    """Save a mask on the project's only image; return its RLE."""
    headers, api = {"Authorization": f"Bearer {token}"}, f"{server.address}/api/v1"
    (image,) = page.request.get(f"{api}/projects/{project_id}/images", headers=headers).json()["items"]
    pixels = np.zeros((image["height"], image["width"]), np.uint8, order="F")
    pixels[50:150, 60:200] = 1
    rle = {"size": list(pixels.shape), "counts": coco_mask.encode(pixels)["counts"].decode()}
    operation = {
        "op_id": str(uuid.uuid4()), "type": "create", "annotation_id": str(uuid.uuid4()), "base_revision": 0,
        "fields": {"counts": rle["counts"]},
    }  # fmt: skip
    body = {"operations": [operation]}
    assert page.request.post(f"{api}/images/{image['id']}/operations", headers=headers, data=body).ok
    return rle


def export_and_follow(page: Page, browser: Browser, server: Server, project_id: int) -> None:
    """Check, export one label, download it, share it, and open the mask that the check found."""
    page.goto(f"{server.address}/projects/{project_id}/exports/")
    page.get_by_role("button", name="Check first").click()
    finding = page.get_by_role("region", name="What the check found")
    expect(finding.get_by_text("The mask has fewer than 10 pixels.")).to_be_visible()
    speck_url = finding.get_by_role("link", name="one.png").first.get_attribute("href")

    page.get_by_text("Which masks and images").click()
    page.locator("label.segment", has_text="Wheel").click()
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_text("Done: the file is at the top of the list.")).to_be_visible()
    made = page.get_by_role("article").first
    expect(made).to_contain_text("1 mask on 1 image, all read back and compared: no mismatch.")
    with page.expect_download() as download:
        made.get_by_role("link", name=re.compile("^Download")).click()
    data = read(download.value)
    (row,) = json.loads(data)["annotations"]
    assert row["segmentation"] == SPECK

    made.get_by_text("Certificate, files and links").click()
    made.get_by_role("button", name=re.compile("^Link to")).click()
    expect(made.get_by_text(re.compile(r"Works until .*\d"))).to_be_visible()
    link = made.get_by_label("Link", exact=True).input_value()
    stranger = browser.new_context()
    half = len(data) // 2
    rest = stranger.request.get(link, headers={"Range": f"bytes={half}-"})
    assert (rest.status, rest.body()) == (206, data[half:])
    stranger.close()

    page.goto(f"{server.address}{speck_url}")
    selected = page.get_by_role("grid", name="Masks").get_by_role("row", selected=True)
    expect(selected).to_have_count(1)
    expect(selected).to_contain_text("Wheel")
