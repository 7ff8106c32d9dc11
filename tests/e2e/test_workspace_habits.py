"""Habits of a day: keys after the mouse was in the panel, the look of the photo, images that are done."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.gestures import wait_for_candidates
from tests.e2e.steps import Server, click_image, expect_masks, wait_for_workspace
from tests.e2e.workspace_steps import (
    add_mask,
    annotator_page,
    call,
    expect_saved,
    image_ids,
    label_ids,
    new_project,
    open_workspace,
    rows,
)

pytestmark = pytest.mark.e2e
SQUARE = (100, 60, 300, 220)


def test_keys_stay_with_the_photo_when_the_mouse_was_in_the_panel(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Keys after the mouse")
    (image_id,) = image_ids(page, server, project_id)
    fit = open_workspace(page, server, project_id, image_id, masks=0)
    wait_for_workspace(page)
    click_image(page, fit, 225, 110)
    choices = wait_for_candidates(page)
    page.get_by_role("button", name=re.compile("^Cup")).click()
    before = [choices.nth(i).get_attribute("aria-pressed") for i in range(choices.count())]
    page.keyboard.press("Tab")
    assert [choices.nth(i).get_attribute("aria-pressed") for i in range(choices.count())] != before
    page.keyboard.press("Enter")
    expect_masks(page, 1)
    expect(rows(page)).to_contain_text("Cup")
    expect_saved(page)

    cat = page.get_by_role("button", name=re.compile("^Cat"))
    rows(page).first.click()
    cat.focus()
    page.keyboard.press("Enter")
    expect(rows(page)).to_contain_text("Cat")


def test_the_look_of_the_photo_goes_along_and_is_named_but_hidden_masks_come_back(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Looks", photos=("cat.jpg", "coffee.jpg"))
    first, _ = image_ids(page, server, project_id)
    add_mask(page, server, first, SQUARE)
    open_workspace(page, server, project_id, first, masks=1)
    photo = page.locator("canvas.photo")
    page.get_by_text("View", exact=True).click()
    page.get_by_role("slider", name="Brightness", exact=True).fill("1.6")
    expect(photo).to_have_attribute("style", re.compile(r"brightness\(1\.6\)"))
    page.keyboard.press("Shift+H")
    expect(page.get_by_role("button", name="Masks hidden")).to_be_visible()
    page.get_by_role("button", name="Next image").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("coffee.jpg")
    expect(page.get_by_role("button", name="Masks hidden")).to_have_count(0)
    expect(photo).to_have_attribute("style", re.compile(r"brightness\(1\.6\)"))
    page.get_by_role("button", name="Brightness 160 % · contrast 100 %").click()
    expect(photo).not_to_have_attribute("style", re.compile("brightness"))


def test_an_image_that_was_accepted_meanwhile_leads_to_the_next_one(
    page: Page, browser: Browser, server: Server
) -> None:
    project_id = new_project(page, server, "Reviewed meanwhile", photos=("cat.jpg", "coffee.jpg"))
    first, _ = image_ids(page, server, project_id)
    add_mask(page, server, first, SQUARE, label_id=label_ids(page, server, project_id)[0])
    with annotator_page(browser, server) as person:
        open_workspace(person, server, project_id, first, masks=1)
        call(page, server, "POST", f"/images/{first}/submit")
        call(page, server, "POST", f"/images/{first}/review", {"verdict": "accepted", "comment": ""})
        person.get_by_role("button", name="Submit and next").click()
        expect(person.get_by_text("a reviewer has accepted this image already")).to_be_visible()
        expect(person.get_by_text("Reviewed", exact=True)).to_be_visible()
        person.get_by_role("status").get_by_role("button", name="Next image").click()
        expect(person.get_by_role("heading", level=1)).to_have_text("coffee.jpg")


def test_a_mask_that_is_not_kept_yet_is_not_lost_by_leaving(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Half a mask", photos=("cat.jpg", "coffee.jpg"))
    first, _ = image_ids(page, server, project_id)
    fit = open_workspace(page, server, project_id, first, masks=0)
    wait_for_workspace(page)
    click_image(page, fit, 225, 110)
    for leave in ("Submit and next", "Next image"):
        page.get_by_role("button", name=leave).click()
        expect(page.get_by_text("The mask on the photo is not kept yet")).to_have_count(1)
        expect(page.get_by_role("heading", level=1)).to_have_text("cat.jpg")
    page.keyboard.press("Enter")
    expect_masks(page, 1)
    expect_saved(page)
    page.get_by_role("button", name="Submit and next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("coffee.jpg")
