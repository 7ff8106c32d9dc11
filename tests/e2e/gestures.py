"""What a person's hands do on the canvas of the workspace, and what their eyes see there. Nothing of the server."""

import json
import re
from typing import Any

import numpy as np
from playwright.sync_api import Locator, Page, Request, expect

from tests.e2e.steps import Fit

# The largest zoom at which the workspace shows a mask that it is asked to bring near; pixels of the photo are drawn as
# they are there, and outlines hardly reach the middle of the next one.
NEAREST = 4.0
ROOM_AROUND = 1.6


def rows(page: Page) -> Locator:
    """Return the rows of the list of masks, topmost first."""
    return page.get_by_role("grid", name="Masks").get_by_role("row")


def expect_saved(page: Page) -> None:
    """Wait until all is on the server."""
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()


def draw_stroke(page: Page, fit: Fit, points: list[tuple[float, float]]) -> None:
    """Draw along pixels of the photo with whatever tool is in hand."""
    on_screen = [(fit.left + x * fit.scale, fit.top + y * fit.scale) for x, y in points]
    page.mouse.move(*on_screen[0])
    page.mouse.down()
    for place in on_screen[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()


def paint_mask(page: Page, fit: Fit, points: list[tuple[float, float]], *, count: int) -> None:
    """Paint a mask with the brush and keep it; there are `count` then."""
    page.keyboard.press("r")
    draw_stroke(page, fit, points)
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(count)


def click_photo(page: Page, fit: Fit, x: float, y: float, *, button: Any = "left") -> None:
    """Click at a pixel of the photo."""
    page.mouse.click(fit.left + x * fit.scale, fit.top + y * fit.scale, button=button)


def wait_for_candidates(page: Page) -> Locator:
    """Wait until the model has answered, and return the buttons of its readings."""
    chip = page.get_by_role("group", name="Candidates")
    expect(chip.get_by_text(re.compile(r"\d\.\d\d")).first).to_be_visible()
    expect(chip).to_have_attribute("aria-busy", "false")
    return chip.locator("button[aria-pressed]")


def wait_for_frames(page: Page, count: int = 2) -> None:
    """Let the page draw."""
    for _ in range(count):
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => done(null)))")


def near_view(page: Page, bounds: tuple[float, float, float, float]) -> Fit:
    """Work out how the workspace shows a box (x, y, w, h) that it was asked to bring near."""
    stage = page.get_by_role("application").bounding_box()
    assert stage is not None
    x, y, width, height = bounds
    scale = min(stage["width"] / (width * ROOM_AROUND), stage["height"] / (height * ROOM_AROUND), NEAREST)
    left = stage["x"] + stage["width"] / 2 - (x + width / 2) * scale
    return Fit(scale, left, stage["y"] + stage["height"] / 2 - (y + height / 2) * scale)


def painted_box(page: Page, fit: Fit, box: tuple[int, int, int, int]) -> np.ndarray:
    """Return whether the masks' canvas is filled at the middle of each pixel of a box (x, y, w, h): h x w booleans.

    An outline's dark rim reaches the next pixel, but has no colour; wherever a mask is filled there is some.
    """
    lines = page.evaluate(
        """([left, top, scale, x0, y0, width, height]) => {
            const canvas = document.querySelector("canvas.masks");
            const box = canvas.getBoundingClientRect();
            const ratio = canvas.width / box.width;
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return Array.from({ length: height }, (_, row) => Array.from({ length: width }, (_, at) => {
                const column = Math.floor((left - box.x + (x0 + at + 0.5) * scale) * ratio);
                const line = Math.floor((top - box.y + (y0 + row + 0.5) * scale) * ratio);
                const [red, green, blue, alpha] = data.subarray((line * canvas.width + column) * 4);
                return alpha > 60 && Math.max(red, green, blue) > 24 ? "1" : "0";
            }).join(""));
        }""",
        [fit.left, fit.top, fit.scale, *box],
    )
    return np.array([[letter == "1" for letter in line] for line in lines])


class Sent:
    """The masks as the page sent them: the last counts of each, and how often each operation went out."""

    def __init__(self, page: Page) -> None:
        self.counts: dict[str, str] = {}
        self.operations: dict[str, int] = {}
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if not request.url.endswith("/operations") or request.post_data is None:
            return
        for operation in json.loads(request.post_data)["operations"]:
            self.operations[operation["op_id"]] = self.operations.get(operation["op_id"], 0) + 1
            if "counts" in operation["fields"]:
                self.counts[operation["annotation_id"]] = operation["fields"]["counts"]
