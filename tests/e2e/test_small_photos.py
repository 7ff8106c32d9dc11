"""Photos of 1 to 32 pixels: they open, a click is answered, and nothing is asked for that the server refuses."""

import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.steps import (
    Server,
    accept_mask,
    choose_files,
    click_image,
    encode,
    fit_of,
    image_id_of,
    make_project,
    payload,
    read_masks,
    wait_for_embeddings,
    wait_for_workspace,
)

pytestmark = pytest.mark.e2e
SIZES = [(1, 1), (16, 2), (31, 32), (200, 12)]


@pytest.mark.slow
def test_small_photos_ask_for_nothing_that_is_refused(page: Page, server: Server) -> None:
    refused: list[str] = []
    page.on("response", lambda told: refused.append(f"{told.status} {told.url}") if told.status >= 400 else None)
    make_project(page, server, "Small photos", ["Dot"])
    names = [f"{width}x{height}.png" for width, height in SIZES]
    colours = [(40 * number, 200 - 30 * number, 90) for number in range(len(SIZES))]
    pictures = [encode(Image.new("RGB", size, colour), "PNG") for size, colour in zip(SIZES, colours, strict=True)]
    choose_files(page, [payload(name, content) for name, content in zip(names, pictures, strict=True)])
    wait_for_embeddings(page)
    home = page.url
    for (width, height), name in zip(SIZES, names, strict=True):
        page.goto(home)
        with page.expect_response("**/crop-embeddings"):
            page.get_by_role("link", name=f"Open {name}").click()
            page.wait_for_url(re.compile(r"/images/\d+/$"))
        wait_for_workspace(page)
        click_image(page, fit_of(page, width, height), width / 2, height / 2)
        accept_mask(page, count=1)
        (saved,) = read_masks(page, server, image_id_of(page))
        assert saved["size"] == [height, width]
    page.goto(home)
    expect(page.get_by_role("link", name="Open 1x1.png")).to_be_visible()
    assert refused == []
