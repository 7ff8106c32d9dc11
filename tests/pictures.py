"""`python -m tests.pictures [NAME ...]`: take the pictures of README and guides anew, from the demo's photos.

Starts the product on a port and a data directory of its own, works in headless Chromium as people do, and writes
docs/pictures/NAME.webp. Scenes build on each other, so all are played and only the named ones written.
"""

import io
import re
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.chromium import CHROMIUM, FLAGS
from tests.e2e.steps import (
    Server,
    choose_files,
    click_image,
    fit_of,
    make_project,
    payload,
    sign_in,
    wait_for_workspace,
)
from tests.e2e.workspace_steps import call, drag, expect_saved, image_ids
from tests.product import ROOT, running_product

FOLDER = ROOT / "docs" / "pictures"
NAMES = (
    "project", "click", "masks", "shortcuts", "suggestions", "review", "queue", "dashboard", "export",
)  # fmt: skip
PHOTOS = {"coffee.jpg": (600, 400), "cat.jpg": (451, 300), "astronaut.jpg": (512, 512), "coins.jpg": (384, 303)}
LABELS = ["Animal", "Person", "Tableware", "Coin", "Vehicle"]
PATIENCE_MS = 300_000
QUALITY = 82  # the largest picture has some 90 kB then


class Camera:
    """A signed-in page, the project that is pictured, and which pictures are wanted."""

    def __init__(self, page: Page, server: Server, wanted: Collection[str]) -> None:
        self.page, self.server, self.wanted = page, server, wanted
        self.project_id = 0

    def take(self, name: str) -> None:
        """Write what the page shows now, if it is wanted."""
        if name not in self.wanted:
            return
        self.page.evaluate("document.fonts.ready")
        file = FOLDER / f"{name}.webp"
        with Image.open(io.BytesIO(self.page.screenshot(animations="disabled", caret="hide"))) as shot:
            shot.convert("RGB").save(file, "WEBP", quality=QUALITY, method=6)
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB")

    def go(self, path: str = "") -> None:
        """Open a page of the project."""
        self.page.goto(f"{self.server.address}/projects/{self.project_id}/{path}")

    def open(self, photo: str) -> None:
        """Open a photo in the workspace and wait until it can be clicked."""
        images = dict(zip(PHOTOS, image_ids(self.page, self.server, self.project_id), strict=True))
        self.go(f"images/{images[photo]}/")
        wait_for_workspace(self.page)

    def click(self, photo: str, x: float, y: float) -> None:
        """Click at a pixel of the photo and wait for the candidates."""
        click_image(self.page, fit_of(self.page, *PHOTOS[photo]), x, y)

    def keep(self, key: str, *, masks: int) -> None:
        """Keep the draft with the label of a key."""
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("grid", name="Masks").get_by_role("row")).to_have_count(masks)
        self.page.keyboard.press(key)
        expect_saved(self.page)


def play(camera: Camera) -> None:
    """Play every scene in turn."""
    make_pictured_project(camera)
    annotate(camera)
    suggest(camera)
    hand_in_and_review(camera)
    look_at_pages(camera)


def make_pictured_project(camera: Camera) -> None:
    """A project with labels and photos, all of them ready."""
    camera.project_id = make_project(camera.page, camera.server, "Objects", LABELS)
    choose_files(camera.page, [payload(name) for name in PHOTOS])
    expect(camera.page.get_by_text("All images are ready to click")).to_be_visible()
    camera.go()
    camera.take("project")


def annotate(camera: Camera) -> None:
    """One click with its candidates, several kept masks, the list of keys."""
    page = camera.page
    camera.open("cat.jpg")
    page.get_by_role("button", name="Got it").click()
    camera.click("cat.jpg", 225, 110)
    camera.take("click")
    camera.keep("1", masks=1)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    camera.take("shortcuts")
    camera.open("coffee.jpg")
    page.keyboard.press("b")
    drag(page, fit_of(page, *PHOTOS["coffee.jpg"]), (166, 14), (404, 306))
    expect_answer(page)
    camera.keep("3", masks=1)
    page.keyboard.press("p")
    camera.click("coffee.jpg", 360, 290)
    camera.keep("3", masks=2)
    page.mouse.move(640, 740)
    camera.take("masks")


def suggest(camera: Camera) -> None:
    """What the model suggests on the coins, before anybody has decided."""
    page, server, project = camera.page, camera.server, f"/projects/{camera.project_id}"
    thresholds = {"predicted_iou": 0.75, "stability_score": 0.8, "prefill_points_per_side": 12}
    call(page, server, "PATCH", f"{project}/engine-settings", {"automatic": thresholds})
    call(page, server, "PATCH", project, {"stage": "semi_automatic"})
    camera.go("automatic/")
    page.get_by_role("button", name="Pre-fill images").click()
    expect(page.get_by_role("cell", name="Done")).to_be_visible()
    camera.open("coins.jpg")
    expect(page.get_by_role("region", name="Suggestions")).to_be_visible()
    camera.take("suggestions")


def hand_in_and_review(camera: Camera) -> None:
    """An annotator's image, handed in, as its reviewer sees it."""
    page, server = camera.page, camera.server
    camera.open("coffee.jpg")
    submit(page)
    camera.go("queue/")
    page.get_by_label("Reviewed, %").fill("100")
    page.get_by_role("button", name="Save the queue's settings").click()
    with annotator(camera) as other:
        other.goto(f"{server.address}/projects/{camera.project_id}/queue/")
        other.get_by_role("button", name="Start annotating").click()
        other.wait_for_url(re.compile(r"/images/\d+/$"))
        wait_for_workspace(other)
        camera.go("queue/")
        camera.take("queue")
    camera.go("review/")
    page.get_by_role("button", name="Review next image").click()
    page.wait_for_url(re.compile(r"/images/\d+/$"))
    wait_for_workspace(page)
    expect(page.get_by_role("region", name="Review")).to_be_visible()
    camera.take("review")


def look_at_pages(camera: Camera) -> None:
    """The dashboard, and an export with its certificate."""
    page = camera.page
    camera.go("dashboard/")
    expect(page.locator("[data-chart] canvas").first).to_be_visible()
    camera.take("dashboard")
    camera.go("exports/")
    page.get_by_role("button", name="Export", exact=True).click()
    expect(page.get_by_text("all read back and compared: no mismatch")).to_be_visible()
    page.get_by_text("Certificate, files and links").click()
    page.get_by_role("heading", name="Made so far").scroll_into_view_if_needed()
    camera.take("export")


@contextmanager
def annotator(camera: Camera) -> Iterator[Page]:
    """A second person, signed in at a browser of their own."""
    members = f"/projects/{camera.project_id}/members"
    call(camera.page, camera.server, "POST", members, {"username": "annotator", "role": "annotator"})
    browser = camera.page.context.browser
    assert browser is not None
    page = new_page(browser)
    sign_in(page, camera.server, "annotator")
    yield page
    page.context.close()


def expect_answer(page: Page) -> None:
    """Wait until the model has answered the prompt."""
    scores = page.get_by_role("group", name="Candidates").get_by_text(re.compile(r"\d\.\d\d"))
    expect(scores.first).to_be_visible()


def submit(page: Page) -> None:
    """Hand the open image in."""
    before = page.url
    page.get_by_role("button", name="Submit and next").click()
    page.wait_for_url(lambda url: url != before)


def new_page(browser: Browser) -> Page:
    """A page of a new profile."""
    context = browser.new_context(viewport={"width": 1280, "height": 760}, locale="en-US", timezone_id="UTC")
    context.set_default_timeout(PATIENCE_MS)
    return context.new_page()


def main(names: list[str]) -> int:
    """Take the named pictures, or all."""
    if unknown := set(names) - set(NAMES):
        print(f"There is no picture {', '.join(sorted(unknown))}: choose among {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_product(Path(folder) / "data") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        camera = Camera(new_page(browser), server, names or NAMES)
        sign_in(camera.page, server)
        play(camera)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
