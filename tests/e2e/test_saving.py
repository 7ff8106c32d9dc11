"""What was accepted is safe, and the pages tell the truth about all of it: every image, every page, every tab."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.gestures import draw_stroke, expect_saved, paint_mask, rows
from tests.e2e.steps import Fit, Server, expect_masks, fit_of, read_masks, sign_in
from tests.e2e.test_faults import BARS, HEIGHT, WIDTH
from tests.e2e.workspace_steps import annotator_page, call, image_ids, new_project, open_workspace

pytestmark = pytest.mark.e2e
TWO = ("cat.jpg", "coffee.jpg")
OPERATIONS = "**/api/v1/images/*/operations"


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile whose pages may fail to reach the server."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def opened(person: BrowserContext, server: Server) -> tuple[Page, int, list[int]]:
    """A page signed in as admin, a project with two photos, and their ids."""
    page = person.new_page()
    sign_in(page, server)
    project = new_project(page, server, "Saving", photos=TWO)
    return page, project, image_ids(page, server, project)


def open_cat(opened: tuple[Page, int, list[int]], server: Server) -> tuple[Page, Fit]:
    """Open the first photo, which has no mask yet."""
    page, project, images = opened
    open_workspace(page, server, project, images[0], masks=0)
    expect(page.get_by_role("heading", name="cat.jpg")).to_be_visible()
    return page, fit_of(page, WIDTH, HEIGHT)


def unsaved(page: Page) -> Any:
    """What the header or the strip of a page says of saving."""
    return page.locator("[data-save-state]")


def refuse(context: BrowserContext, status: int) -> None:
    """Answer every save with a status from now on."""
    context.route(OPERATIONS, lambda route: route.fulfill(status=status, json={"code": "x", "message": "no"}))


def test_leaving_an_image_before_its_masks_are_saved_hides_nothing(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    waiting: list[Route] = []
    is_slow = True

    def hold(route: Route) -> None:
        if is_slow:
            waiting.append(route)
        else:
            route.continue_()

    person.route(OPERATIONS, hold)
    for number, bar in enumerate(BARS[:3], 1):
        paint_mask(page, fit, bar, count=number)
    page.keyboard.press(".")
    expect(page.get_by_role("heading", name="coffee.jpg")).to_be_visible()
    expect(page.get_by_text("3 masks of 1 other image are not saved yet")).to_be_visible()
    expect(page.get_by_text("Saved", exact=True)).to_have_count(0)
    assert read_masks(page, server, opened[2][0]) == []
    is_slow = False
    for route in waiting:
        route.continue_()
    expect_saved(page)
    assert len(read_masks(page, server, opened[2][0])) == 3


def test_any_page_brings_what_is_left_to_the_server(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    refuse(person, 503)
    paint_mask(page, fit, BARS[0], count=1)
    paint_mask(page, fit, BARS[1], count=2)
    expect(page.get_by_text("The server is busy: 2 kept on this device")).to_be_visible()
    page.get_by_role("link", name="Saving").click()
    page.wait_for_url(re.compile(r"/projects/\d+/$"))
    strip = unsaved(page)
    expect(strip).to_contain_text("2 masks are not saved yet")
    expect(strip.get_by_role("link", name="cat.jpg")).to_be_visible()
    person.unroute(OPERATIONS)
    expect(strip).to_be_hidden()
    assert len(read_masks(page, server, opened[2][0])) == 2


@pytest.mark.parametrize(
    ("status", "text"),
    [(500, "The server fails"), (503, "The server is busy"), (401, "Signed out")],
)
def test_what_stands_in_the_way_is_said(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server, status: int, text: str
) -> None:
    page, fit = open_cat(opened, server)
    refuse(person, status)
    paint_mask(page, fit, BARS[0], count=1)
    expect(page.get_by_text(f"{text}: 1 kept on this device")).to_be_visible()
    person.unroute(OPERATIONS)
    expect_saved(page)
    assert len(read_masks(page, server, opened[2][0])) == 1


def test_signing_out_waits_and_nobody_else_gets_it(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    refuse(person, 503)
    paint_mask(page, fit, BARS[0], count=1)
    expect(page.get_by_text("The server is busy: 1 kept on this device")).to_be_visible()
    page.goto(f"{server.address}/projects/")
    expect(unsaved(page)).to_contain_text("1 mask is not saved yet")
    asked: list[str] = []

    def decline(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    page.once("dialog", decline)
    page.get_by_role("button", name="Sign out").click()
    expect(unsaved(page)).to_contain_text("1 mask is not saved yet")
    assert "1 of your masks are not on the server yet" in asked[0]
    assert page.url == f"{server.address}/projects/"

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/**")
    person.unroute(OPERATIONS)
    sign_in(page, server, "annotator")
    open_workspace(page, server, opened[1], opened[2][0], masks=0)
    expect_saved(page)
    assert read_masks(page, server, opened[2][0]) == []
    page.goto(f"{server.address}/projects/")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login/**")

    sign_in(page, server)
    expect(unsaved(page)).to_be_hidden()
    page.goto(f"{server.address}/projects/{opened[1]}/")
    expect(page.get_by_text("1 mask", exact=True)).to_be_visible()
    assert [mask["author"]["name"] for mask in read_masks(page, server, opened[2][0])] == ["admin"]


def test_a_page_left_open_does_not_write_in_the_name_of_whoever_came_after(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    other = person.new_page()
    other.goto(f"{server.address}/projects/")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/login/**")
    sign_in(other, server, "annotator")
    paint_mask(page, fit, BARS[0], count=1)
    expect(page.get_by_text("Somebody else is signed in: 1 kept on this device")).to_be_visible()
    assert read_masks(other, server, opened[2][0]) == []
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/login/**")
    sign_in(other, server)
    expect_saved(page)
    assert len(read_masks(other, server, opened[2][0])) == 1


def test_two_tabs_of_one_person_show_the_same_masks(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    other = person.new_page()
    open_workspace(other, server, opened[1], opened[2][0], masks=0)
    paint_mask(page, fit, BARS[0], count=1)
    expect_masks(other, 1)
    person.set_offline(True)
    paint_mask(other, fit, BARS[1], count=2)
    expect_masks(page, 2)
    rows(page).first.click()
    page.keyboard.press("Delete")
    expect_masks(other, 1)
    person.set_offline(False)
    expect_saved(page)
    expect_saved(other)
    assert len(read_masks(page, server, opened[2][0])) == 1


def test_a_refused_mask_is_set_aside_and_the_others_are_saved(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    (cat, _cup) = call(page, server, "GET", f"/projects/{opened[1]}")["labels"]
    call(page, server, "DELETE", f"/labels/{cat['id']}")
    paint_mask(page, fit, BARS[0], count=1)
    card = page.get_by_role("alert", name="The server refused a mask")
    expect(card).to_contain_text("The project has no such label")
    expect(page.get_by_text("Refused: 1 kept on this device")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("Try again", "Keep as file", "Drop it"):
        expect(card.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.keyboard.press("2")
    paint_mask(page, fit, BARS[1], count=2)
    page.reload()
    expect_masks(page, 2)
    expect(card).to_be_visible()
    assert len(read_masks(page, server, opened[2][0])) == 1
    with page.expect_download() as kept:
        card.get_by_role("button", name="Keep as file").click()
    assert kept.value.suggested_filename.startswith("maskwright-mask-")
    card.get_by_role("button", name="Drop it").click()
    expect_masks(page, 1)
    expect_saved(page)


def test_a_step_without_a_network_is_honest(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    paint_mask(page, fit, BARS[0], count=1)
    expect_saved(page)
    page.wait_for_function(
        "id => performance.getEntriesByType('resource').some(r => r.name.includes(`/images/${id}/preview`))",
        arg=opened[2][1],
    )
    person.set_offline(True)
    page.keyboard.press(".")
    expect(page.get_by_role("heading", name="coffee.jpg")).to_be_visible()
    expect(page.get_by_text("This is the image as it was loaded a while ago")).to_be_visible()
    assert page.url.endswith(f"/images/{opened[2][1]}/")
    expect(page.get_by_text("2 of 2")).to_be_visible()
    page.keyboard.press(",")
    expect(page.get_by_text("The image could not be opened: the server does not answer.")).to_be_visible()
    assert page.url.endswith(f"/images/{opened[2][1]}/")
    expect(page.get_by_role("heading", name="coffee.jpg")).to_be_visible()


def test_an_open_draft_is_offered_again_after_a_reload(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    page.keyboard.press("r")
    draw_stroke(page, fit, BARS[0])
    page.reload()
    expect(page.get_by_text("A mask that you had not accepted is still here")).to_be_visible()
    expect_masks(page, 0)
    page.get_by_role("button", name="Take it up").click()
    page.keyboard.press("Enter")
    expect_masks(page, 1)
    expect_saved(page)
    (mask,) = read_masks(page, server, opened[2][0])
    assert mask["bbox"][3] < HEIGHT / 4, "the bar that was drawn"
    page.reload()
    expect_masks(page, 1)
    expect(page.get_by_text("A mask that you had not accepted is still here")).to_have_count(0)


def test_a_deleted_mask_is_had_back_after_leaving_the_image(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    paint_mask(page, fit, BARS[0], count=1)
    expect_saved(page)
    (before,) = read_masks(page, server, opened[2][0])
    page.keyboard.press("v")
    rows(page).first.click()
    page.keyboard.press("Delete")
    expect_masks(page, 0)
    expect_saved(page)
    page.goto(f"{server.address}/projects/{opened[1]}/")
    open_workspace(page, server, opened[1], opened[2][0], masks=0)
    page.get_by_role("button", name="Deleted masks").click()
    trash = page.get_by_role("dialog", name="Deleted masks")
    expect(trash).to_contain_text("Deleted by admin")
    trash.get_by_role("button", name="Bring back").click()
    expect(trash).to_contain_text("No mask of this image was deleted.")
    page.keyboard.press("Escape")
    expect_masks(page, 1)
    expect_saved(page)
    (after,) = read_masks(page, server, opened[2][0])
    assert (after["id"], after["counts"], after["revision"]) == (before["id"], before["counts"], 3)


def test_a_submitted_image_says_so_before_it_is_changed(
    opened: tuple[Page, int, list[int]], person: BrowserContext, server: Server
) -> None:
    page, fit = open_cat(opened, server)
    paint_mask(page, fit, BARS[0], count=1)
    expect_saved(page)
    call(page, server, "POST", f"/images/{opened[2][0]}/submit")
    page.reload()
    expect_masks(page, 1)
    page.keyboard.press("v")
    rows(page).first.click()
    page.keyboard.press("Delete")
    expect(page.get_by_text("This image is submitted.")).to_be_visible()
    expect_masks(page, 1)
    page.get_by_role("button", name="Change it").click()
    page.keyboard.press("Delete")
    expect_masks(page, 0)
    expect_saved(page)


def test_somebody_else_on_the_same_image_is_shown_to_both(
    opened: tuple[Page, int, list[int]], browser: Browser, server: Server
) -> None:
    page, _fit = open_cat(opened, server)
    expect(page.get_by_text("here too")).to_have_count(0)
    with annotator_page(browser, server) as other:
        open_workspace(other, server, opened[1], opened[2][0], masks=0)
        expect(other.get_by_text("admin here too")).to_be_visible()
        expect(page.get_by_text("annotator here too")).to_be_visible()
        other.goto(f"{server.address}/projects/")
    page.keyboard.press(".")
    expect(page.get_by_role("heading", name="coffee.jpg")).to_be_visible()
    expect(page.get_by_text("here too")).to_have_count(0)
