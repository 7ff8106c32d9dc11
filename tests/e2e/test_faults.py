"""Tabs die, networks go, answers are lost, between any two steps: no mask is lost and none comes twice."""

import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.gestures import draw_stroke, expect_saved, paint_mask, rows
from tests.e2e.steps import (
    Server,
    choose_files,
    fit_of,
    make_project,
    open_image,
    payload,
    read_masks,
    sign_in,
    wait_for_embeddings,
    wait_for_workspace,
)

pytestmark = pytest.mark.e2e
WIDTH, HEIGHT = 451, 300
BARS = [[(40.0, y), (90.0, y)] for y in (40.0, 90.0, 140.0, 190.0, 240.0)]


@pytest.fixture
def person(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile whose pages may fail to reach the server."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def open_cat(context: BrowserContext, server: Server, name: str) -> tuple[Page, int]:
    """Make a project with one photo and open it in the workspace."""
    page = context.new_page()
    sign_in(page, server)
    make_project(page, server, name, ["Cat", "Toy"])
    choose_files(page, [payload("cat.jpg")])
    wait_for_embeddings(page)
    return page, open_image(page, "cat.jpg")


def kill_tab(page: Page) -> None:
    """Kill the renderer as the system does when it runs out of memory: no handler of the page runs any more."""
    browser = page.context.browser
    assert browser is not None
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    with page.expect_event("crash"):
        for process in processes:
            if process["type"] == "renderer":
                os.kill(process["id"], signal.SIGKILL)
    page.close()


def reopen(context: BrowserContext, address: str) -> Page:
    """Open the workspace in a new tab."""
    page = context.new_page()
    page.goto(address)
    wait_for_workspace(page)
    return page


def server_masks(page: Page, server: Server, image_id: int, *, count: int) -> list[dict[str, Any]]:
    """Wait until the page says that all is saved and return what the server has: `count` different masks."""
    expect(rows(page)).to_have_count(count)
    expect_saved(page)
    masks = read_masks(page, server, image_id)
    assert len(masks) == count
    assert len({mask["counts"] for mask in masks}) == count, "no mask is there twice"
    return masks


def test_a_tab_that_is_killed_after_any_step_loses_nothing(person: BrowserContext, server: Server) -> None:
    page, image_id = open_cat(person, server, "Killed tabs")
    address = page.url
    fit = fit_of(page, WIDTH, HEIGHT)

    paint_mask(page, fit, BARS[0], count=1)
    kill_tab_once_safe(page)
    page = reopen(person, address)
    server_masks(page, server, image_id, count=1)

    paint_mask(page, fit, BARS[1], count=2)
    page.keyboard.press("v")
    rows(page).first.click()
    page.keyboard.press("2")
    kill_tab_once_safe(page)
    page = reopen(person, address)
    masks = server_masks(page, server, image_id, count=2)
    assert len({mask["label_id"] for mask in masks}) == 2

    rows(page).first.click()
    page.keyboard.press("e")
    draw_stroke(page, fit, [(60.0, 60.0), (60.0, 120.0)])
    page.keyboard.press("Control+z")
    page.keyboard.press("Delete")
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(rows(page)).to_have_count(2)
    kill_tab_once_safe(page)
    page = reopen(person, address)
    after = server_masks(page, server, image_id, count=2)
    assert {mask["id"]: mask["counts"] for mask in after} == {mask["id"]: mask["counts"] for mask in masks}


def kill_tab_once_safe(page: Page) -> None:
    """Kill the tab as soon as its operations are on this device or beyond; the server may not have answered yet."""
    expect(page.get_by_text(re.compile(r"^Saved$|kept on this device"))).to_be_visible()
    kill_tab(page)


def test_work_without_a_network_arrives_once_it_is_back(person: BrowserContext, server: Server) -> None:
    page, image_id = open_cat(person, server, "No network")
    fit = fit_of(page, WIDTH, HEIGHT)
    paint_mask(page, fit, BARS[0], count=1)
    expect_saved(page)

    person.set_offline(True)
    for number, bar in enumerate(BARS[1:4], 2):
        paint_mask(page, fit, bar, count=number)
    expect(page.get_by_text("3 kept on this device")).to_be_visible()
    assert len(read_masks(page, server, image_id)) == 1

    person.set_offline(False)
    before = server_masks(page, server, image_id, count=4)
    page.reload()
    wait_for_workspace(page)
    assert server_masks(page, server, image_id, count=4) == before


def test_a_tab_that_dies_without_a_network_brings_its_work_in_the_next_one(
    person: BrowserContext, server: Server
) -> None:
    page, image_id = open_cat(person, server, "Neither network nor tab")
    address = page.url
    fit = fit_of(page, WIDTH, HEIGHT)
    person.set_offline(True)
    for number, bar in enumerate(BARS[:3], 1):
        paint_mask(page, fit, bar, count=number)
    expect(page.get_by_text("3 kept on this device")).to_be_visible()
    kill_tab(page)

    person.set_offline(False)
    page = reopen(person, address)
    server_masks(page, server, image_id, count=3)


def test_an_answer_that_never_came_doubles_nothing(person: BrowserContext, server: Server) -> None:
    page, image_id = open_cat(person, server, "Lost answers")
    fit = fit_of(page, WIDTH, HEIGHT)
    lost: list[str] = []

    def lose_answer(route: Any) -> None:
        route.fetch()
        lost.append(route.request.post_data)
        route.abort("connectionreset")

    page.route("**/operations", lose_answer, times=2)
    paint_mask(page, fit, BARS[0], count=1)
    paint_mask(page, fit, BARS[1], count=2)
    server_masks(page, server, image_id, count=2)
    assert len(lost) == 2, "the server took them, and the page never heard of it"
    revisions = [page.request.get(f"{server.address}/api/v1/annotations/{mask['id']}/revisions").json()
                 for mask in read_masks(page, server, image_id)]  # fmt: skip
    assert [len(history) for history in revisions] == [1, 1]
