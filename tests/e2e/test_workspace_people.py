"""Two at one image: merged or side by side, held off by a claim, comments with pins, versions."""

import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.steps import Fit, Server, decode, expect_masks, read_masks
from tests.e2e.workspace_steps import (
    add_mask,
    annotator_page,
    another_device,
    call,
    drag,
    expect_saved,
    image_ids,
    new_project,
    open_workspace,
    rows,
)

pytestmark = pytest.mark.e2e
SQUARE = (100, 60, 300, 220)


@pytest.fixture
def shared(page: Page, server: Server) -> tuple[int, int]:
    """A project of two people with one mask on one photo: (project id, image id)."""
    project_id = new_project(page, server, "Shared")
    (image_id,) = image_ids(page, server, project_id)
    add_mask(page, server, image_id, SQUARE)
    return project_id, image_id


def label_selected(page: Page, key: str) -> None:
    """Select the only mask and give it a label."""
    rows(page).first.click()
    page.keyboard.press(key)


def test_changes_of_different_things_to_one_mask_are_merged(
    page: Page, browser: Browser, server: Server, shared: tuple[int, int]
) -> None:
    project_id, image_id = shared
    open_workspace(page, server, project_id, image_id, masks=1)
    with another_device(browser, server) as other:
        fit = open_workspace(other, server, project_id, image_id, masks=1)
        other.context.set_offline(True)
        rows(other).first.click()
        other.keyboard.press("r")
        drag(other, fit, (290, 140), (340, 140))
        expect(other.locator("[data-save-state=offline]")).to_be_visible()
        label_selected(page, "2")
        expect_saved(page)
        other.context.set_offline(False)
        expect_saved(other)
        expect(rows(other).filter(has_text="Cup")).to_have_count(1)
    (saved,) = read_masks(page, server, image_id)
    assert decode(saved)[140, 330], "what one painted"
    assert saved["label_id"] is not None, "what the other said"


def test_edits_of_different_regions_of_one_mask_are_merged_even_after_a_reload(
    page: Page, browser: Browser, server: Server, shared: tuple[int, int]
) -> None:
    project_id, image_id = shared
    fit = open_workspace(page, server, project_id, image_id, masks=1)
    with another_device(browser, server) as other:
        open_workspace(other, server, project_id, image_id, masks=1)
        # The tab dies before its change has left; the other person's change is there when it comes back. Nothing leaves
        # before it is back, or the race would be over by then.
        other.route("**/operations", lambda route: route.abort())
        paint_onto_first(other, fit, (110, 140), (70, 140))
        expect(other.locator("[data-save-state=offline]")).to_be_visible()
        paint_onto_first(page, fit, (290, 140), (340, 140))
        expect_saved(page)
        other.reload()
        other.unroute("**/operations")
        expect(other.get_by_text("changed the same mask meanwhile")).to_be_visible()
        expect_saved(other)
        expect(rows(other)).to_have_count(1)
    (saved,) = read_masks(page, server, image_id)
    mask = decode(saved)
    assert (mask[140, 75], mask[140, 200], mask[140, 335]) == (1, 1, 1), "what one painted, what was there, the other's"


def paint_onto_first(page: Page, fit: Fit, *places: tuple[float, float]) -> None:
    """Select the first mask of the list and paint on it."""
    rows(page).first.click()
    page.keyboard.press("r")
    drag(page, fit, *places)


def test_a_lost_race_is_shown_side_by_side_survives_a_reload_and_both_can_be_kept(
    page: Page, browser: Browser, server: Server, shared: tuple[int, int]
) -> None:
    project_id, image_id = shared
    open_workspace(page, server, project_id, image_id, masks=1)
    with another_device(browser, server) as other:
        open_workspace(other, server, project_id, image_id, masks=1)
        other.context.set_offline(True)
        label_selected(other, "1")
        expect(other.locator("[data-save-state=offline]")).to_be_visible()
        label_selected(page, "2")
        expect_saved(page)
        other.context.set_offline(False)
        question = other.get_by_role("alert", name="admin changed this mask too")
        expect(question.locator("figure")).to_have_count(2)
        other.get_by_role("button", name="Submit and next").click()
        expect(other.get_by_text("a mask has two versions; choose one")).to_be_visible()
        (saved,) = read_masks(page, server, image_id)
        other.reload()
        expect(question).to_contain_text("Cat")
        assert read_masks(page, server, image_id) == [saved], "nothing was written over"
        question.get_by_role("button", name="Keep both").click()
        expect_masks(other, 2)
        expect_saved(other)
    first, second = read_masks(page, server, image_id)
    assert {first["id"] == saved["id"], second["id"] == saved["id"]} == {True, False}
    assert first["label_id"] != second["label_id"]
    np.testing.assert_array_equal(decode(first), decode(second))


def test_who_does_not_hold_the_image_is_held_off_and_an_admin_saves_anyway(
    page: Page, browser: Browser, server: Server, shared: tuple[int, int]
) -> None:
    project_id, image_id = shared
    with annotator_page(browser, server) as holder, another_device(browser, server) as other:
        open_workspace(holder, server, project_id, image_id, masks=1)
        call(holder, server, "POST", f"/images/{image_id}/lease")
        open_workspace(other, server, project_id, image_id, masks=1)
        label_selected(other, "2")
        card = other.get_by_role("alert", name="The server refused a mask")
        expect(card).to_contain_text("somebody else is working on this image")
        assert read_masks(page, server, image_id)[0]["label_id"] is None
        card.get_by_role("button", name="Save anyway").click()
        expect_saved(other)
        (event,) = call(page, server, "GET", f"/projects/{project_id}/audit?what=image")["events"]
        assert event["changes"]["rules"] == [None, ["held_by_other"]]
        expect(rows(holder).filter(has_text="Cup")).to_have_count(1)
        call(holder, server, "POST", f"/images/{image_id}/submit")
        call(page, server, "POST", f"/images/{image_id}/review", {"verdict": "accepted"})
        label_selected(holder, "1")
        refused = holder.get_by_role("alert", name="The server refused a mask")
        expect(refused).to_contain_text("a reviewer has accepted this image")
        expect(refused.get_by_role("button", name="Save anyway")).to_have_count(0)
        refused.get_by_role("button", name="Drop it").click()
        expect_saved(holder)


def test_comments_are_pinned_to_places_and_resolved(
    page: Page, browser: Browser, server: Server, shared: tuple[int, int]
) -> None:
    project_id, image_id = shared
    open_workspace(page, server, project_id, image_id, masks=1)
    with annotator_page(browser, server) as other:
        fit = open_workspace(other, server, project_id, image_id, masks=1)
        other.keyboard.press("c")
        other.mouse.click(fit.left + 200 * fit.scale, fit.top + 100 * fit.scale)
        expect(other.get_by_text(re.compile("On the mask “No label” · At (199|200), (99|100)"))).to_be_visible()
        other.get_by_role("textbox", name="Comment").fill("Is the ear part of it?")
        other.get_by_role("button", name="Send comment").click()
        pin = page.get_by_role("button", name=re.compile("^Comment by annotator.*: Is the ear part of it"))
        expect(pin).to_be_visible()
        box = pin.bounding_box()
        assert box is not None
        assert abs(box["x"] + box["width"] / 2 - (fit.left + 200 * fit.scale)) < 2
        assert abs(box["y"] + box["height"] - (fit.top + 100 * fit.scale)) < 2
        pin.click()
        expect(rows(page).first).to_have_attribute("aria-selected", "true")
        page.get_by_role("button", name="Resolve", exact=True).click()
        expect(pin).to_have_count(0)
        expect(other.get_by_role("button", name=re.compile("^Comment by"))).to_have_count(0)


def test_an_earlier_version_of_a_mask_is_looked_at_and_brought_back(
    page: Page, server: Server, shared: tuple[int, int]
) -> None:
    project_id, image_id = shared
    fit = open_workspace(page, server, project_id, image_id, masks=1)
    (before,) = read_masks(page, server, image_id)
    rows(page).first.click()
    page.keyboard.press("e")
    drag(page, fit, (120, 140), (280, 140))
    expect_saved(page)
    assert read_masks(page, server, image_id)[0]["area"] < before["area"]
    page.get_by_role("button", name="Versions").click()
    versions = page.get_by_role("dialog").get_by_role("listitem")
    expect(versions).to_have_count(2)
    expect(versions.first).to_contain_text("Now")
    versions.last.get_by_role("button", name="Bring back").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect_saved(page)
    (after,) = read_masks(page, server, image_id)
    assert (after["counts"], after["revision"]) == (before["counts"], 3)
