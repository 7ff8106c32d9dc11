"""A scripted annotator: masks of photos whose masks are known, in real Chromium on the real product.

    python -m tests.bench annotator --data DIR [--photos 11] [--masks 3] [--seed 1] [--product ROOT]

DIR holds folders of photos in SA-1B's layout. For each thing the annotator points at its middle and misses a little,
waits for the answer, looks at it and at the other candidates, clicks into the largest part that is wrong, and presses
Enter when content or after some clicks (tests/bench/annotator_model.py). The time of its hand, eye and keys really
passes, so what the product does meanwhile counts. Prints one JSON object: clicks and seconds a mask, waiting, pointing,
looking and keys apart, and how good the saved masks are. `--product` runs another checkout of the product, to compare.
"""

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pycocotools import mask as coco

from tests.bench.annotator_model import (
    CONTENT_IOU,
    KEY_S,
    LEAST_ERROR_PX,
    LOOK_S,
    MOST_CLICKS,
    Aim,
    first_aim,
    landing,
    next_aim,
    overlap,
    pointing_s,
)
from tests.bench.annotator_photos import Photo, choose_photos
from tests.bench.bench_open import PASSWORD, free_port, product
from tests.bench.bench_workspace import Client
from tests.chromium import CHROMIUM, FLAGS
from tests.e2e.steps import Fit, fit_of

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_MS = 120_000
TRIES = 5
# So much of a mask's overlap with what was on the screen is the coarseness of the screen.
SAME_AS_SEEN = 0.97

# Note when a button came up last; answered() tells the milliseconds from then until the page shows the answer.
ANSWERED = r"""
addEventListener("pointerup", () => { window.cameUpMs = performance.now(); }, { capture: true });
window.answered = () => new Promise((done) => {
  let frames = 0;
  const look = () => {
    const chip = document.querySelector('[role=group][aria-label="Candidates"]');
    const isDone = chip && chip.getAttribute("aria-busy") !== "true" && /\d\.\d\d/.test(chip.textContent);
    if (++frames > 2 && isDone) done(performance.now() - window.cameUpMs);
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
});
"""
# What the draft covers on the screen within the photo's rectangle, as lines of 0 and 1, one for each pixel.
SEEN = """([left, top, width, height]) => {
  const canvas = document.querySelector("canvas.overlay");
  const box = canvas.getBoundingClientRect();
  const at = [Math.round(left - box.x), Math.round(top - box.y)];
  const { data } = canvas.getContext("2d").getImageData(...at, width, height);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (data[(y * width + x) * 4 + 3] > 95 ? "1" : "0")).join(""));
}"""
# An outline reaches so far beyond its mask; a point's dot hides what lies under it.
OUTLINE_PX = 1.6
DOT_PX = 8.0


@dataclass
class Effort:
    """What one mask took, in seconds and counts, and what came of it."""

    clicks: int = 0
    keys: int = 0
    waiting_s: float = 0.0
    pointing_s: float = 0.0
    looking_s: float = 0.0
    keys_s: float = 0.0
    iou: float = 0.0
    covered: int = 0
    area_px: int = 0
    seen_iou: float = 0.0


class Annotator:
    """Makes masks of one photo that lies whole on the screen."""

    def __init__(self, page: Page, photo: Photo, chance: np.random.Generator) -> None:
        self.page = page
        self.photo = photo
        self.chance = chance
        self.fit: Fit = fit_of(page, photo.width, photo.height)
        self.place = (640.0, 360.0)
        self.effort = Effort()
        self.wanted = photo.wanted[0]
        self.points: list[tuple[float, float]] = []

    def make(self, wanted: np.ndarray) -> tuple[Effort, np.ndarray]:
        """Make a mask of a thing; return what it took, and what was on the screen when Enter was pressed."""
        self.effort, self.wanted, self.points = Effort(), wanted, []
        seen = self._click(first_aim(wanted))
        if seen is None:
            raise RuntimeError("Something lies over the photo before the first click.")
        while overlap(seen, wanted) < CONTENT_IOU:
            seen = self._look_at_others(seen, wanted) if self.effort.clicks == 1 else seen
            aim = next_aim(wanted, seen)
            is_good = overlap(seen, wanted) >= CONTENT_IOU or aim.half_width * self.fit.scale < LEAST_ERROR_PX
            if is_good or self.effort.clicks == MOST_CLICKS:
                break
            after = self._click(aim)
            if after is None:
                break
            seen = after
        self._press("Enter")
        return self.effort, seen

    def _click(self, aim: Aim) -> np.ndarray | None:
        """Click; None when something lies over the place."""
        to = self._free_place(aim)
        if to is None:
            return None
        seconds = pointing_s(math.dist(to, self.place), 2 * aim.half_width * self.fit.scale)
        self._move(to, seconds)
        self.effort.pointing_s += seconds
        self.effort.clicks += 1
        self.points.append(((to[0] - self.fit.left) / self.fit.scale, (to[1] - self.fit.top) / self.fit.scale))
        self.page.mouse.click(*to, button="left" if aim.is_foreground else "right")
        self.effort.waiting_s += float(self.page.evaluate("window.answered()")) / 1000
        return self._look()

    def _free_place(self, aim: Aim) -> tuple[float, float] | None:
        """Return where on the screen the hand lands; a person tries again beside what covers the photo."""
        for _ in range(TRIES):
            x, y = landing(aim, self.fit.scale, self.chance)
            to = (self.fit.left + x * self.fit.scale, self.fit.top + y * self.fit.scale)
            if self.page.evaluate("(at) => document.elementFromPoint(...at)?.className === 'overlay'", list(to)):
                return to
            self.effort.covered += 1
        return None

    def _move(self, to: tuple[float, float], seconds: float) -> None:
        """Move along a line at the pace of a hand, slowing down towards the end."""
        start = time.perf_counter()
        while (share := (time.perf_counter() - start) / seconds) < 1:
            eased = 1 - (1 - share) ** 2
            self.page.mouse.move(*(a + (b - a) * eased for a, b in zip(self.place, to, strict=True)))
            self.page.wait_for_timeout(15)
        self.page.mouse.move(*to)
        self.place = to

    def _look(self) -> np.ndarray:
        """Look at the mask for as long as a person does, and return what is there at the end of the look."""
        self.page.wait_for_timeout(LOOK_S * 1000)
        self.effort.looking_s += LOOK_S
        fit, photo = self.fit, self.photo
        size = round(photo.width * fit.scale), round(photo.height * fit.scale)
        lines = self.page.evaluate(SEEN, [fit.left, fit.top, *size])
        painted = np.array([[letter == "1" for letter in line] for line in lines], np.uint8)
        inside = cv2.distanceTransform(painted, cv2.DIST_L2, 5) > OUTLINE_PX
        rows = ((np.arange(photo.height) + 0.5) * fit.scale).astype(int).clip(max=size[1] - 1)
        columns = ((np.arange(photo.width) + 0.5) * fit.scale).astype(int).clip(max=size[0] - 1)
        return np.where(self._dots(), self.wanted, inside[np.ix_(rows, columns)])

    def _dots(self) -> np.ndarray:
        """Return where the points that were set hide the mask: nobody judges it there."""
        hidden = np.zeros(self.wanted.shape, np.uint8)
        for x, y in self.points:
            cv2.circle(hidden, (round(x), round(y)), round(DOT_PX / self.fit.scale), 1, -1)
        return hidden.astype(bool)

    def _look_at_others(self, seen: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """Walk once through the candidates and stay with the best."""
        looks = [seen]
        others = self.page.get_by_role("group", name="Candidates").locator("button[aria-pressed]").count()
        while len(looks) < others and overlap(looks[-1], wanted) < CONTENT_IOU:
            self._press("Tab")
            looks.append(self._look())
        best = int(np.argmax([overlap(one, wanted) for one in looks]))
        for _ in range(len(looks) - 1 - best):
            self._press("Shift+Tab")
        return looks[best]

    def _press(self, key: str) -> None:
        self.page.wait_for_timeout(KEY_S * 1000)
        self.effort.keys += 1
        self.effort.keys_s += KEY_S
        self.page.keyboard.press(key)


def annotate(page: Page, client: Client, project: int, photo: Photo, chance: np.random.Generator) -> list[Effort]:
    """Annotate one photo and return what each of its masks took."""
    part = {"name": photo.name, "mimeType": "image/png", "buffer": photo.png}
    image = int(client.call("POST", f"/projects/{project}/images", multipart={"files": part})[0]["image_id"])
    while client.call("GET", f"/images/{image}")["embedding"]["status"] not in {"ready", "failed"}:
        time.sleep(0.5)
    page.goto(f"{client.url}/projects/{project}/images/{image}/")
    expect(page.locator(".engine-ready")).to_be_visible(timeout=PATIENCE_MS)
    annotator = Annotator(page, photo, chance)
    done = []
    for count, wanted in enumerate(photo.wanted, 1):
        effort, seen = annotator.make(wanted)
        expect(page.get_by_role("grid", name="Masks").get_by_role("row")).to_have_count(count, timeout=PATIENCE_MS)
        expect(page.locator("[data-save-state=saved]")).to_be_visible(timeout=PATIENCE_MS)
        rows = client.call("GET", f"/images/{image}/annotations")["annotations"]
        newest = max(rows, key=lambda row: row["z_order"])
        saved = coco.decode({"size": newest["size"], "counts": newest["counts"].encode()}).astype(bool)
        effort.iou = overlap(saved, wanted)
        effort.area_px, effort.seen_iou = int(saved.sum()), round(overlap(saved, seen), 4)
        done.append(effort)
    return done


def summary(efforts: list[Effort]) -> dict[str, Any]:
    """Return means a mask, with the standard error of the seconds, the clicks and the IoU."""

    def mean(name: str) -> float:
        return round(statistics.fmean(getattr(effort, name) for effort in efforts), 3)

    def error(values: list[float]) -> float:
        return round(statistics.stdev(values) / len(values) ** 0.5, 3) if len(values) > 1 else 0.0

    parts = ("waiting_s", "pointing_s", "looking_s", "keys_s")
    totals = [sum(getattr(effort, part) for part in parts) for effort in efforts]
    return {
        "masks": len(efforts),
        "clicks": mean("clicks"),
        "clicks_error": error([float(effort.clicks) for effort in efforts]),
        "keys": mean("keys"),
        "seconds": round(statistics.fmean(totals), 2),
        "seconds_error": error(totals),
        **{part: mean(part) for part in parts},
        "waiting_ms_a_click": round(1000 * sum(e.waiting_s for e in efforts) / sum(e.clicks for e in efforts)),
        "iou": mean("iou"),
        "iou_error": error([effort.iou for effort in efforts]),
        "share_content": round(statistics.fmean(effort.iou >= CONTENT_IOU for effort in efforts), 3),
        "covered_places": sum(effort.covered for effort in efforts),
        "changed_since_seen": sum(effort.seen_iou < SAME_AS_SEEN for effort in efforts),
    }


def work(browser: Browser, url: str, photos: list[Photo], seed: int) -> list[Effort]:
    """Annotate all photos in one sitting."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.add_init_script(ANSWERED)
    client = Client(context, url)
    client.sign_in(page, "admin", PASSWORD)
    project = client.call("POST", "/projects", data={"name": "Scripted annotator", "labels": [{"name": "Thing"}]})["id"]
    chance = np.random.default_rng(seed)
    return [effort for photo in photos for effort in annotate(page, client, project, photo, chance)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--photos", type=int, default=11)
    parser.add_argument("--masks", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--product", type=Path, default=ROOT)
    parser.add_argument("--each", action="store_true", help="print each mask's figures as well")
    options = parser.parse_args()
    photos = choose_photos(options.data, options.photos, options.masks, options.seed)
    port = free_port()
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(product(Path(data), port, options.product))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        efforts = work(browser, f"http://127.0.0.1:{port}", photos, options.seed)
        browser.close()
    result: dict[str, Any] = summary(efforts) | {"photos": len(photos), "load_average": os.getloadavg()[0]}
    if options.each:
        result["each"] = [asdict(effort) for effort in efforts]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
