"""Dataset versions on the page: counted before, frozen, downloaded, compared after more was drawn, deleted."""

import gzip
import hashlib
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.steps import PHOTOS, Server, choose_files, encode, payload
from tests.e2e.workspace_steps import add_mask, call, image_ids, label_ids, new_project

pytestmark = pytest.mark.e2e


def figure(page: Page, place: str, word: str) -> int:
    """Return a figure of a part of the page."""
    entry = page.get_by_role("region", name=place).locator("dl.figures div", has_text=re.compile(f"^{word}"))
    return int(entry.locator("dd").inner_text())


def freeze(page: Page, name: str) -> None:
    """Freeze what is chosen, and wait until the list holds it."""
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Freeze these masks").click()
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_a_version_is_counted_frozen_downloaded_compared_and_deleted(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Frozen")
    page.goto(f"{server.address}/projects/{project_id}/")
    choose_files(page, [payload("two.png", encode(Image.open(PHOTOS / "cat.jpg"), "PNG"))])
    page.goto(f"{server.address}/projects/{project_id}/datasets/")
    expect(page.get_by_text("No accepted mask of a submitted or reviewed image fits.")).to_be_visible()
    expect(page.get_by_role("button", name="Freeze these masks")).to_be_disabled()
    cat, cup = label_ids(page, server, project_id)
    for image_id in image_ids(page, server, project_id):
        add_mask(page, server, image_id, (20, 20, 60, 60), label_id=cat)
        add_mask(page, server, image_id, (80, 20, 120, 60), label_id=cup)
        call(page, server, "POST", f"/images/{image_id}/submit")

    page.reload()
    expect(page.get_by_role("region", name="What it would hold")).to_be_visible()
    assert [figure(page, "What it would hold", word) for word in ("Masks", "Images", "Held out")] == [4, 2, 1]
    page.locator("label.segment", has_text="Cat").click()
    expect(page.locator("[data-count=masks]")).to_have_text("2")
    freeze(page, "cats")
    freeze(page, "all of it")

    page.get_by_role("link", name="all of it", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("^Download")).click()
    content = download.value.path().read_bytes()
    expect(page.get_by_text(hashlib.sha256(content).hexdigest())).to_be_visible()
    lines = [json.loads(line) for line in gzip.decompress(content).splitlines()]
    assert [(line["image"]["name"], len(line["annotations"])) for line in lines] == [("cat.jpg", 2), ("two.png", 2)]
    page.get_by_label("Earlier version").select_option(label="1 · cats")
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("What became of the masks of “cats” in “all of it”:")).to_be_visible()
    words = ("Added", "Changed", "Gone", "The same")
    assert [figure(page, "Compare", word) for word in words] == [2, 0, 0, 2]

    page.get_by_text("Delete this version …").click()
    page.get_by_role("button", name="Delete this version", exact=True).click()
    expect(page.get_by_text("“all of it” is deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="cats", exact=True)).to_be_visible()
