"""The main path in browsers that lack things: over plain http from another machine, without storage, workers, sockets.

A page that people reach by a host name over plain http is no secure context: many abilities are not there at all.
Chromium takes the name ann.test for this machine (tests/chromium.py).
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.any_browser import LACKS, person_at, walk, work
from tests.e2e.steps import Server, sign_in, wait_for_workspace
from tests.e2e.workspace_steps import call, image_ids, new_project

pytestmark = pytest.mark.e2e
NOTHING_KEPT = "This browser keeps no work for you"
UNKEPT = {"places that keep, not there", "indexedDB, refused", "indexedDB, failing", "indexedDB, full"}


@dataclass(frozen=True)
class Photo:
    """The cat, embedded, in a project of its own, and a profile that is signed in under both names of the server."""

    project_id: int
    image_id: int
    storage: Any

    def address(self, server: Server) -> str:
        """Where the workspace opens it."""
        return f"{server.address}/projects/{self.project_id}/images/{self.image_id}/"


@pytest.fixture(scope="module")
def foreign(server: Server) -> Server:
    """The server as another machine reaches it: by a name, over plain http."""
    return replace(server, address=server.address.replace("127.0.0.1", "ann.test"))


@pytest.fixture(scope="module")
def photo(browser: Browser, server: Server, foreign: Server) -> Photo:
    """Make the project once; each test empties the image for itself."""
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    sign_in(page, foreign)
    sign_in(page, server)
    project_id = new_project(page, server, "Any browser")
    (image_id,) = image_ids(page, server, project_id)
    page.goto(f"{server.address}/projects/{project_id}/")
    expect(page.get_by_text("All images are ready to click")).to_be_visible()
    page.get_by_role("link", name="Open cat.jpg").click()
    wait_for_workspace(page)  # which engine is right here is known from now on, and need not be tried anew
    storage = context.storage_state()
    context.close()
    return Photo(project_id, image_id, storage)


@pytest.fixture
def open_page(browser: Browser, server: Server, photo: Photo) -> Iterator[Callable[..., Page]]:
    """Return what opens a page in a browser that lacks something, on an image without masks; it may not complain."""
    opened = []

    def open_it(lacking: str = "") -> Page:
        context, problems = person_at(browser, photo.storage, lacking=lacking)
        opened.append((context, problems))
        page = context.new_page()
        empty(page, server, photo.image_id)
        return page

    yield open_it
    for context, problems in opened:
        context.close()
        assert [told for told in problems if "untrustworthy" not in told] == []


def empty(page: Page, server: Server, image_id: int) -> None:
    """Delete the masks of an image."""
    masks = call(page, server, "GET", f"/images/{image_id}/annotations")["annotations"]
    operations = [
        {
            "op_id": str(uuid.uuid4()),
            "type": "delete",
            "annotation_id": mask["id"],
            "base_revision": mask["revision"],
            "fields": {},
        }
        for mask in masks
    ]
    if operations:
        call(page, server, "POST", f"/images/{image_id}/operations", {"operations": operations})


def test_plain_http_under_a_foreign_name(
    open_page: Callable[..., Page], server: Server, foreign: Server, photo: Photo
) -> None:
    page = open_page()
    walk(page, server, photo.address(foreign), photo.image_id)
    assert page.evaluate("[isSecureContext, crypto.randomUUID, navigator.locks, self.caches]") == [False] + [None] * 3


@pytest.mark.parametrize("name", LACKS)
def test_without(name: str, open_page: Callable[..., Page], server: Server, photo: Photo) -> None:
    page = open_page(LACKS[name])
    work(page, server, photo.address(server), photo.image_id)
    expect(page.get_by_text(NOTHING_KEPT)).to_have_count(1 if name in UNKEPT else 0)


def test_plain_http_without_any_of_them(
    open_page: Callable[..., Page], server: Server, foreign: Server, photo: Photo
) -> None:
    lacking = LACKS["indexedDB, refused"] + LACKS["localStorage and sessionStorage, refused"]
    lacking += LACKS["Worker"] + LACKS["WebSocket"] + LACKS["observers, drawing off the screen, newer signals"]
    walk(open_page(lacking), server, photo.address(foreign), photo.image_id)
