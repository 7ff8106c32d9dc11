"""Masks in and out through the pages: preview, mapping, report; check, export, certificate, download, link."""

import csv
import io
import json
import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Download, Page, expect
from pycocotools import mask as coco_mask

from tests.e2e.steps import Server, choose_files, encode, make_project, payload
from tests.e2e.test_adding_images import noise

pytestmark = pytest.mark.e2e
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
    expect(page.get_by_text("Imported: 2 new masks, 2 rows not taken.")).to_be_visible()
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
