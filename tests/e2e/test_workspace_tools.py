"""Mending, labels, keys, languages and touch in the workspace, on a real server; masks are read back from it."""

import json
import re

import numpy as np
import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.e2e.steps import Server, accept_mask, decode, expect_masks, fit_of, read_masks, wait_for_workspace
from tests.e2e.workspace_steps import (
    CAT_HEIGHT,
    CAT_WIDTH,
    add_mask,
    annotator_page,
    drag,
    expect_saved,
    image_ids,
    new_project,
    open_workspace,
    rows,
)

pytestmark = pytest.mark.e2e
SQUARE = (100, 60, 300, 220)


def test_holes_specks_and_edges_are_mended_and_a_line_splits(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Mending")
    (image_id,) = image_ids(page, server, project_id)
    spur, hole, speck = (300, 100, 301, 101), (150, 100, 154, 104), (400, 250, 403, 253)
    add_mask(page, server, image_id, SQUARE, spur, speck, holes=(hole,))
    fit = open_workspace(page, server, project_id, image_id, masks=1)
    rows(page).first.click()
    for button in ("Fill holes", "Remove small regions", "Smooth edge"):
        page.get_by_role("button", name=button).click()
    expect_saved(page)
    (saved,) = read_masks(page, server, image_id)
    mended = decode(saved)
    assert mended[102, 152], "the hole is filled"
    assert not mended[251, 401], "the speck is gone"
    assert not mended[100, 300], "the spur is smoothed away"
    assert saved["provenance"]["edits"] == ["fillHoles", "removeSpecks", "smooth"]

    page.keyboard.press("l")
    page.get_by_role("button", name="Split").click()
    drag(page, fit, (200, 20), (200, 260))
    expect_masks(page, 2)
    expect_saved(page)
    left, right = sorted((decode(row) for row in read_masks(page, server, image_id)), key=lambda mask: mask.argmax())
    np.testing.assert_array_equal(left | right, mended)
    assert not (left & right).any()
    columns = [np.flatnonzero(mask.any(axis=0)) for mask in (left, right)]
    assert {int(one[-1]) < 205 and int(one[0]) < 195 for one in columns} == {True, False}

    page.keyboard.press("Control+z")
    expect_masks(page, 1)
    expect_saved(page)
    np.testing.assert_array_equal(decode(read_masks(page, server, image_id)[0]), mended)


def test_several_masks_get_a_label_and_its_questions_are_answered(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Questions", photos=("cat.jpg", "coffee.jpg"))
    page.goto(f"{server.address}/projects/{project_id}/labels/")
    page.get_by_text("Questions about each mask").first.click()
    page.get_by_label("Questions of Cat").fill("Occluded: flag\nPose*: sitting, lying\nAge: number\nNote: text")
    page.get_by_role("button", name="Save Cat").click()
    image_id = image_ids(page, server, project_id)[0]
    for left in (20, 120, 220):
        add_mask(page, server, image_id, (left, 40, left + 60, 90))
    open_workspace(page, server, project_id, image_id, masks=3)
    page.keyboard.press("Control+a")
    page.keyboard.press("1")
    expect(rows(page).filter(has_text="Cat")).to_have_count(3)
    page.get_by_role("button", name="Submit and next").click()
    expect(page.get_by_text("masks that lack a required answer (3) are selected")).to_be_visible()
    page.get_by_label("Pose").select_option("lying")
    page.get_by_text("Occluded").click()
    page.get_by_label("Age", exact=True).fill("7")
    page.get_by_label("Note").fill("asleep")
    page.get_by_label("Note").press("Enter")
    expect_saved(page)
    saved = read_masks(page, server, image_id)
    assert [row["attributes"] for row in saved] == [{"Pose": "lying", "Occluded": True, "Age": 7, "Note": "asleep"}] * 3
    with page.expect_response(re.compile("/submit$")) as submitted:
        page.get_by_role("button", name="Submit and next").click()
    assert submitted.value.ok


def test_new_masks_are_cut_out_of_others_where_the_project_says_so(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "No overlap")
    (image_id,) = image_ids(page, server, project_id)
    add_mask(page, server, image_id, SQUARE)
    page.goto(f"{server.address}/projects/{project_id}/settings/")
    page.get_by_label("Overlap").select_option(label="No overlap: a new mask is cut out of the others")
    page.get_by_role("button", name="Save settings").click()
    fit = open_workspace(page, server, project_id, image_id, masks=1)
    page.keyboard.press("r")
    drag(page, fit, (150, 140), (250, 140))
    accept_mask(page, count=2)
    old, new = (decode(row) for row in read_masks(page, server, image_id))
    assert new[140, 200]
    assert not (old & new).any()
    assert old.sum() + new.sum() == 200 * 160


def test_an_image_is_skipped_with_a_reason_in_ones_own_words(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Skipping")
    (image_id,) = image_ids(page, server, project_id)
    open_workspace(page, server, project_id, image_id, masks=0)
    page.get_by_role("button", name="Skip", exact=True).click()
    page.get_by_label("Other").check()
    expect(page.get_by_role("button", name="Skip image")).to_be_disabled()
    page.get_by_label("What is the matter?").fill("Only half a cat")
    with page.expect_response(re.compile("/skip$")) as skipped:
        page.get_by_role("button", name="Skip image").click()
    assert json.loads(skipped.value.request.post_data or "") == {"reason": "Only half a cat"}
    assert skipped.value.ok


def test_keys_are_bound_anew_and_the_left_hand_has_its_own_set(page: Page, browser: Browser, server: Server) -> None:
    project_id = new_project(page, server, "Keys")
    (image_id,) = image_ids(page, server, project_id)
    with annotator_page(browser, server) as person:
        open_workspace(person, server, project_id, image_id, masks=0)
        person.keyboard.press("?")
        person.get_by_label("Search actions").fill("brush")
        person.get_by_role("button", name="Brush: R.").click()
        with person.expect_response(re.compile("/me/preferences$")):
            person.keyboard.press("p")
        expect(person.get_by_text("P now belongs to “Brush”, no longer to “Points”.")).to_be_visible()
        open_workspace(person, server, project_id, image_id, masks=0)
        person.keyboard.press("p")
        expect(person.get_by_role("button", name="Brush", exact=True)).to_have_attribute("aria-pressed", "true")
        person.keyboard.press("?")
        person.get_by_role("button", name="Reset all keys").click()
        with person.expect_response(re.compile("/me/preferences$")):
            person.get_by_text("Left-handed set").click()
        person.keyboard.press("Escape")
        person.keyboard.press("i")
        expect(person.get_by_role("button", name="Eraser", exact=True)).to_have_attribute("aria-pressed", "true")


def test_everybody_reads_their_own_language(page: Page, browser: Browser, server: Server) -> None:
    project_id = new_project(page, server, "Sprachen")
    (image_id,) = image_ids(page, server, project_id)
    with annotator_page(browser, server, locale="ko-KR") as person:
        person.goto(f"{server.address}/projects/{project_id}/images/{image_id}/")
        expect(person.get_by_role("button", name="제출하고 다음으로")).to_be_visible()
        assert person.locator("html").get_attribute("lang") == "ko"
        with person.expect_response(re.compile("/me/preferences$")):
            person.get_by_label("언어").select_option("zh-Hant")
        expect(person.get_by_role("button", name="送出並下一張")).to_be_visible()
        person.reload()
        expect(person.get_by_role("button", name="送出並下一張")).to_be_visible()
        assert person.locator("html").get_attribute("lang") == "zh-Hant"
        latin = set(re.findall("[A-Za-z]{4,}", person.locator(".panels").inner_text()))
        assert latin <= {"Sprachen", "Enter", "English"}, "names of things, keys and languages only"


def test_a_mask_is_made_by_the_keyboard_alone_and_told_to_screen_readers(page: Page, server: Server) -> None:
    project_id = new_project(page, server, "Keyboard")
    (image_id,) = image_ids(page, server, project_id)
    open_workspace(page, server, project_id, image_id, masks=0)
    wait_for_workspace(page)
    told = page.locator("[aria-live=polite][aria-atomic=true]")
    for key in ("ArrowUp", "ArrowUp", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    expect(told).to_have_text(re.compile(r"^\d+, \d+$"))
    page.keyboard.press("Space")
    expect(page.get_by_role("group", name="Candidates").get_by_text(re.compile(r"\d\.\d\d")).first).to_be_visible()
    expect(told).to_have_text(re.compile(r"^Mask of \d+ pixels\.$"))
    page.keyboard.press("Tab")
    expect(told).to_have_text(re.compile(r"^Candidate \d/3, \d\.\d\d\.$"))
    accept_mask(page, count=1)
    page.keyboard.press("n")
    expect(told).to_have_text(re.compile(r"^Selected: Cat, \d+ px, 1/1\.$"))
    page.keyboard.press("b")
    # Enter comes before the answer here, and keeps what the answer will be.
    for key in ("Space", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    accept_mask(page, count=2)
    boxed = read_masks(page, server, image_id)[1]
    assert boxed["provenance"]["prompts"][0]["type"] == "box"


def touch(cdp: CDPSession, kind: str, *places: tuple[float, float]) -> None:
    """Tell the browser where fingers are now; none for the end."""
    points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
    cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def pen(cdp: CDPSession, kind: str, x: float, y: float) -> None:
    """Tell the browser where the pen is, and that its tip is down."""
    pressed = {"button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen", "force": 0.8}
    cdp.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **pressed})


def test_two_fingers_zoom_and_pan_and_the_palm_does_not_draw_beside_the_pen(
    page: Page, browser: Browser, server: Server
) -> None:
    project_id = new_project(page, server, "Tablet")
    (image_id,) = image_ids(page, server, project_id)
    with annotator_page(browser, server, viewport={"width": 1024, "height": 768}, has_touch=True) as person:
        open_workspace(person, server, project_id, image_id, masks=0)
        cdp = person.context.new_cdp_session(person)
        zoom = person.get_by_role("button", name=re.compile(r"^100 %, "))
        before = zoom.inner_text()
        touch(cdp, "touchStart", (300, 400))
        touch(cdp, "touchStart", (300, 400), (400, 400))
        touch(cdp, "touchMove", (250, 400), (450, 400))
        touch(cdp, "touchEnd")
        expect(zoom).not_to_have_text(before)
        assert int(zoom.inner_text().split()[0]) == pytest.approx(2 * int(before.split()[0]), rel=0.03)
        person.keyboard.press("0")
        expect(zoom).to_have_text(before)
        expect(person.get_by_role("group", name="Candidates")).to_have_count(0)

        fit = fit_of(person, CAT_WIDTH, CAT_HEIGHT)
        at = {name: (fit.left + x * fit.scale, fit.top + y * fit.scale) for name, x, y in PLACES}
        person.keyboard.press("r")
        touch(cdp, "touchStart", at["palm"])
        pen(cdp, "mousePressed", *at["start"])
        pen(cdp, "mouseMoved", *at["end"])
        touch(cdp, "touchMove", at["palm moved"])
        pen(cdp, "mouseReleased", *at["end"])
        touch(cdp, "touchEnd")
        accept_mask(person, count=1)
        mask = decode(read_masks(person, server, image_id)[0])
        assert mask[100, 150]
        assert not mask[200:].any(), "the palm leaves no trace"


PLACES = [("start", 100, 100), ("end", 200, 100), ("palm", 250, 250), ("palm moved", 270, 260)]
