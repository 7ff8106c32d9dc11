"""What tests of the workspace prepare by the API and do by hand: projects, square masks, strokes, a second person."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect
from pycocotools import mask as coco_mask

from tests.e2e.steps import PHOTOS, Fit, Server, expect_masks, fit_of, sign_in

CAT_WIDTH, CAT_HEIGHT = 451, 300
Box = tuple[int, int, int, int]


def call(page: Page, server: Server, method: str, path: str, body: Any = None) -> Any:
    """Ask the API as the page's person and return the JSON of its answer."""
    (token,) = [cookie["value"] for cookie in page.context.cookies(server.address) if cookie.get("name") == "csrftoken"]
    options: dict[str, Any] = {"headers": {"X-CSRFToken": token}, "method": method}
    answer = page.request.fetch(f"{server.address}/api/v1{path}", **options, **({} if body is None else {"data": body}))
    assert answer.ok, answer.text()
    return answer.json() if answer.body() else None


def new_project(page: Page, server: Server, name: str, *, photos: tuple[str, ...] = ("cat.jpg",), **fields: Any) -> int:
    """Make a project with the labels Cat and Cup, the annotator as a member, and photos; return its id."""
    labels = [{"name": "Cat", "key": "1"}, {"name": "Cup", "key": "2"}]
    project_id = int(call(page, server, "POST", "/projects", {"name": name, "labels": labels, **fields})["id"])
    call(page, server, "POST", f"/projects/{project_id}/members", {"username": "annotator", "role": "annotator"})
    (token,) = [cookie["value"] for cookie in page.context.cookies(server.address) if cookie.get("name") == "csrftoken"]
    for photo in photos:
        file: FilePayload = {"name": photo, "mimeType": "image/jpeg", "buffer": (PHOTOS / photo).read_bytes()}
        answer = page.request.post(
            f"{server.address}/api/v1/projects/{project_id}/images",
            multipart={"files": file},
            headers={"X-CSRFToken": token},
        )
        assert answer.ok, answer.text()
    return project_id


def image_ids(page: Page, server: Server, project_id: int) -> list[int]:
    """Return the ids of a project's images in their order."""
    return [row["id"] for row in call(page, server, "GET", f"/projects/{project_id}/images")["items"]]


def label_ids(page: Page, server: Server, project_id: int) -> list[int]:
    """Return the ids of a project's labels in their order."""
    return [label["id"] for label in call(page, server, "GET", f"/projects/{project_id}/labels")]


def add_mask(page: Page, server: Server, image_id: int, *boxes: Box, holes: tuple[Box, ...] = (), **fields: Any) -> str:
    """Save a mask of the cat photo made of rectangles (x0, y0, x1, y1), less some; return its id."""
    picture = np.zeros((CAT_HEIGHT, CAT_WIDTH), np.uint8, order="F")
    for x0, y0, x1, y1 in boxes:
        picture[y0:y1, x0:x1] = 1
    for x0, y0, x1, y1 in holes:
        picture[y0:y1, x0:x1] = 0
    counts = coco_mask.encode(picture)["counts"].decode()
    annotation_id = str(uuid.uuid4())
    operation = {"op_id": str(uuid.uuid4()), "type": "create", "annotation_id": annotation_id, "base_revision": 0}
    body = {"operations": [{**operation, "fields": {"counts": counts, **fields}}]}
    call(page, server, "POST", f"/images/{image_id}/operations", body)
    return annotation_id


def open_workspace(page: Page, server: Server, project_id: int, image_id: int, *, masks: int) -> Fit:
    """Open an image and wait until its masks are listed; the model may still be on its way."""
    page.goto(f"{server.address}/projects/{project_id}/images/{image_id}/")
    expect_masks(page, masks)
    return fit_of(page, CAT_WIDTH, CAT_HEIGHT)


@contextmanager
def annotator_page(browser: Browser, server: Server, **options: Any) -> Iterator[Page]:
    """A second person at a browser of their own; what they prefer is as it was afterwards."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 720}, "locale": "en-US", **options})
    page = context.new_page()
    sign_in(page, server, "annotator")
    try:
        yield page
    finally:
        context.set_offline(False)
        call(page, server, "PATCH", "/me/preferences", {"locale": None, "shortcuts": None, "is_left_handed": None})
        context.close()


@contextmanager
def another_device(browser: Browser, server: Server) -> Iterator[Page]:
    """The admin at a second browser: what one person does twice is merged, where others are held off by the claim."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    page = context.new_page()
    sign_in(page, server)
    try:
        yield page
    finally:
        context.close()


def drag(page: Page, fit: Fit, *places: tuple[float, float]) -> None:
    """Drag the mouse over places of the photo."""
    first, *rest = [(fit.left + x * fit.scale, fit.top + y * fit.scale) for x, y in places]
    page.mouse.move(*first)
    page.mouse.down()
    for place in rest:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def rows(page: Page) -> Locator:
    """The rows of the list of masks."""
    return page.get_by_role("grid", name="Masks").get_by_role("row")


def expect_saved(page: Page) -> None:
    """Wait until everything is with the server."""
    expect(page.locator("[data-save-state=saved]")).to_be_visible()
