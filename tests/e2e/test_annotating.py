"""Work on two photos, told as one story: model, brush, eraser, merging, labels, undo, reload, submit, export.

What leaves the product is compared with what the page sent, byte by byte, and with what the canvas showed, pixel by
pixel.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.gestures import (
    NEAREST,
    Sent,
    click_photo,
    draw_stroke,
    expect_saved,
    near_view,
    paint_mask,
    painted_box,
    rows,
    wait_for_candidates,
    wait_for_frames,
)
from tests.e2e.steps import (
    Fit,
    Server,
    choose_files,
    decode,
    expect_masks,
    fit_of,
    make_project,
    open_image,
    payload,
    read_masks,
    wait_for_embeddings,
    wait_for_workspace,
)
from tests.e2e.test_first_mask import export, load_coco

pytestmark = pytest.mark.e2e
WIDTH, HEIGHT = 451, 300
FOREHEAD, CORNER, CHEST = (225.0, 110.0), (440.0, 20.0), (215.0, 230.0)
LEFT_BAR = [(40.0, 60.0), (80.0, 60.0)]
RIGHT_BAR = [(80.0, 60.0), (80.0, 95.0)]
LONE_BAR = [(380.0, 250.0), (425.0, 250.0)]


def test_a_day_of_work_comes_out_as_it_was_on_the_screen(page: Page, server: Server, tmp_path: Path) -> None:
    sent = Sent(page)
    project_id = make_project(page, server, "A day of work", ["Cat", "Toy"])
    choose_files(page, [payload("cat.jpg"), payload("coffee.jpg")])
    wait_for_embeddings(page)
    image_id = open_image(page, "cat.jpg")
    fit = fit_of(page, WIDTH, HEIGHT)

    click_with_background(page, fit)
    choose_another_reading(page, fit)
    paint_merge_and_erase(page, fit)
    label_by_key(page)
    expect_saved(page)

    before = read_masks(page, server, image_id)
    page.reload()
    wait_for_workspace(page)
    expect_masks(page, 4)
    assert read_masks(page, server, image_id) == before
    assert {row["id"]: row["counts"] for row in before} == {row["id"]: sent.counts[row["id"]] for row in before}
    assert look_at_masks(page, before) >= 2, "small masks are shown large enough to compare every pixel"

    page.get_by_role("button", name="Submit and next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("coffee.jpg")
    page.goto(f"{server.address}/projects/{project_id}/exports/")
    compare_export(load_coco(export(page, "COCO", tmp_path), tmp_path), before)
    assert set(sent.operations.values()) == {1}, "with a network that holds nothing is sent twice"


def click_with_background(page: Page, fit: Fit) -> None:
    """Click the cat, take a corner away by the other button, keep the mask."""
    click_photo(page, fit, *FOREHEAD)
    wait_for_candidates(page)
    click_photo(page, fit, *CORNER, button="right")
    expect(page.get_by_role("group", name="Candidates").get_by_text(re.compile(r"single \d"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    expect_saved(page)


def choose_another_reading(page: Page, fit: Fit) -> None:
    """Walk the model's readings of one click by Tab: another one is pressed, nothing new is asked of the model."""
    click_photo(page, fit, *CHEST)
    choices = wait_for_candidates(page)
    assert choices.count() > 1
    first = pressed(choices)
    page.get_by_role("application").press("Tab")
    assert pressed(choices) == (first + 1) % choices.count()
    page.keyboard.press("Shift+Tab")
    assert pressed(choices) == first
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(2)


def pressed(choices: Any) -> int:
    """Return which candidate is shown."""
    states = [choices.nth(i).get_attribute("aria-pressed") for i in range(choices.count())]
    assert states.count("true") == 1
    return states.index("true")


def paint_merge_and_erase(page: Page, fit: Fit) -> None:
    """Paint three bars, make one mask of two, rub a piece away, take that back and do it again."""
    paint_mask(page, fit, LEFT_BAR, count=3)
    paint_mask(page, fit, RIGHT_BAR, count=4)
    rows(page).nth(0).click()
    rows(page).nth(1).click(modifiers=["Control"])
    page.get_by_role("button", name="Merge").click()
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("Escape")
    paint_mask(page, fit, LONE_BAR, count=4)

    page.keyboard.press("v")
    click_photo(page, fit, *LONE_BAR[0])
    whole = area_of_selected(page)
    page.keyboard.press("e")
    draw_stroke(page, fit, [(400.0, 200.0), (400.0, 290.0)])
    expect(selected(page)).not_to_have_accessible_name(re.compile(whole))
    page.keyboard.press("Control+z")
    expect(selected(page)).to_have_accessible_name(re.compile(whole))
    page.keyboard.press("Control+Shift+z")
    expect(selected(page)).not_to_have_accessible_name(re.compile(whole))


def selected(page: Page) -> Any:
    """Return the row of the selected mask."""
    return page.get_by_role("grid", name="Masks").get_by_role("row", selected=True)


def area_of_selected(page: Page) -> str:
    """Return the number of pixels that the list says."""
    expect(selected(page)).to_have_count(1)
    found = re.search(r"[\d,]+ pixels", selected(page).get_attribute("aria-label") or "")
    assert found is not None
    return found[0]


def label_by_key(page: Page) -> None:
    """Give the selected mask the label of a number key."""
    page.keyboard.press("2")
    expect(selected(page)).to_have_accessible_name(re.compile("^Toy"))
    page.keyboard.press("Escape")


def look_at_masks(page: Page, saved: list[dict[str, Any]]) -> int:
    """Bring each mask near, alone, and compare the canvas with it; return how many were compared pixel by pixel."""
    page.keyboard.press("v")
    page.keyboard.press("o")
    exact = 0
    for row in saved:
        while selected(page).get_attribute("id") != f"mask-{row['id']}" if selected(page).count() else True:
            page.keyboard.press("n")
            wait_for_frames(page, 1)
        page.keyboard.press("z")
        fit = near_view(page, tuple(row["bbox"]))
        if fit.scale == NEAREST:
            expect_painted(page, fit, row)
            exact += 1
    page.keyboard.press("o")
    return exact


def expect_painted(page: Page, fit: Fit, row: dict[str, Any]) -> None:
    """Wait until the canvas shows exactly this mask: a few pixels around it belong to the comparison."""
    x, y, width, height = row["bbox"]
    x0, y0 = max(x - 3, 0), max(y - 3, 0)
    x1, y1 = min(x + width + 3, WIDTH), min(y + height + 3, HEIGHT)
    wanted = decode(row)[y0:y1, x0:x1]
    for _ in range(100):
        wait_for_frames(page)
        shown = painted_box(page, fit, (x0, y0, x1 - x0, y1 - y0))
        if np.array_equal(shown, wanted):
            return
    raise AssertionError(f"{(shown != wanted).sum()} pixels differ from mask {row['id']}")


def compare_export(coco: Any, saved: list[dict[str, Any]]) -> None:
    """The export holds these masks, byte by byte, with their labels and boxes."""
    rows_out = coco.loadAnns(coco.getAnnIds())
    names = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    assert sorted(row["segmentation"]["counts"] for row in rows_out) == sorted(row["counts"] for row in saved)
    assert sorted(names[row["category_id"]] for row in rows_out) == ["Cat", "Cat", "Cat", "Toy"]
    by_counts = {row["counts"]: row for row in saved}
    for row in rows_out:
        source = by_counts[row["segmentation"]["counts"]]
        assert (row["segmentation"]["size"], row["area"]) == ([HEIGHT, WIDTH], source["area"])
        assert row["bbox"] == source["bbox"]
