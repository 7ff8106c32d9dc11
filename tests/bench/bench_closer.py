"""Closer looks (docs/adr/0024) and second thoughts: what they give, and how long they take.

    python -m tests.bench closer                            seconds in the browser, on a photo of 12 megapixels
                                 [--boxes 12] [--photo-megapixels 12]
    python -m tests.bench closer --data DIR                 mean IoU at once and after it, on photos side by side
                                 [--photos 8] [--masks 2] [--side 3]

The first starts the product and draws boxes of different sizes, each around a new place, and then clicks as often:
milliseconds from letting go of the mouse until the mask is there at once, and until the closer look is over, which for
a click means second thoughts as well (docs/adr/0025). The second reads DIR, folders of photos
with their masks in SA-1B layout, takes `--photos` of each folder and `--masks` of each photo, and lays side x side
photos beside each other: one large photo, as people's cameras make them, on which true masks are known. It prints
figures apart for masks whose box is smaller than a tenth of the large photo. Knows nothing of how it is done.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from playwright.sync_api import FilePayload, Page, expect, sync_playwright

from sam_core import evaluation
from sam_core.asking import AskedPhoto
from sam_core.masks import rle
from sam_core.registry import build_model
from tests.bench.bench_open import PATIENCE_MS, large_photo, product, sign_in
from tests.chromium import CHROMIUM, FLAGS

PORT = 8123
SMALL = 0.1  # of the large photo's side
PHOTO_PX = 448
FIGURES = ("first", "best", "box")
WATCH = """
window.looks = [];
let wasLooking = false;
addEventListener("pointerup", () => { window.looks = []; window.letGoAt = performance.now(); }, true);
new MutationObserver(() => {
  const isLooking = document.querySelector(".chip-looking") !== null;
  if (isLooking !== wasLooking) window.looks.push(performance.now() - window.letGoAt);
  wasLooking = isLooking;
}).observe(document, { childList: true, subtree: true });
"""


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--photos", type=int, default=8, help="of each folder in DIR")
    parser.add_argument("--masks", type=int, default=2, help="of each photo in DIR")
    parser.add_argument("--side", type=int, default=3, help="photos beside each other")
    parser.add_argument("--boxes", type=int, default=12, help="and as many clicks")
    parser.add_argument("--photo-megapixels", type=float, default=12)
    wanted = parser.parse_args()
    if wanted.data is None:
        report = measure_time(wanted.boxes, wanted.photo_megapixels)
    else:
        report = measure_gain(wanted.data, photos=wanted.photos, masks=wanted.masks, side=wanted.side)
    print(json.dumps(report, indent=1))


def measure_time(boxes: int, megapixels: float) -> dict[str, dict[str, int]]:
    """Draw boxes and click in a browser and read when masks came."""
    with (
        tempfile.TemporaryDirectory(prefix="maskwright-closer-") as folder,
        product(Path(folder), PORT),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = sign_in(browser, f"http://127.0.0.1:{PORT}")
        payload = FilePayload(name="large.jpg", mimeType="image/jpeg", buffer=large_photo(megapixels))
        page.get_by_label("Choose photos or a zip").set_input_files([payload])
        expect(page.get_by_text("All images are ready to click")).to_be_visible(timeout=PATIENCE_MS)
        page.add_init_script(WATCH)
        page.get_by_role("link", name="Open large.jpg").click()
        page.locator(".engine-ready").wait_for()
        places = np.random.default_rng(1).uniform(0, 1, (boxes + 1, 3))
        drawn = [ask(page, across, down, side_px=20 + 60 * size) for across, down, size in places][1:]
        clicked = [ask(page, down, across, side_px=0) for across, down, _ in places][1:]
        browser.close()
    return {"boxes": summary_of_times(drawn), "clicks": summary_of_times(clicked)}


def summary_of_times(looks: list[tuple[float, float]]) -> dict[str, int]:
    """Summarise pairs of milliseconds until the mask was there at once and until all was over."""
    at_once, closer = zip(*looks, strict=True)
    return {
        "count": len(looks),
        "at_once_p50_ms": round(statistics.median(at_once)),
        "closer_p50_ms": round(statistics.median(closer)),
        "closer_max_ms": round(max(closer)),
    }


def ask(page: Page, across: float, down: float, *, side_px: float) -> tuple[float, float]:
    """Draw a box on the middle of the stage, or click if it has no side; return milliseconds until the mask and until
    the closer look is over.
    """
    box = page.get_by_role("application").bounding_box()
    assert box is not None
    x, y = (box["x"] + box["width"] * (0.3 + 0.4 * across), box["y"] + box["height"] * (0.3 + 0.4 * down))
    page.mouse.move(x, y)
    page.mouse.down()
    if side_px:
        page.mouse.move(x + side_px, y + side_px, steps=4)
    page.mouse.up()
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while len(looks := page.evaluate("window.looks")) < 2:  # the page's policy allows no wait_for_function
        if time.monotonic() > deadline:
            raise RuntimeError("no closer look was taken")
        page.wait_for_timeout(50)
    begun, over = looks
    page.keyboard.press("Escape")
    expect(page.get_by_role("group", name="Candidates")).to_have_count(0)
    return begun, over


@torch.inference_mode()
def measure_gain(data: Path, *, photos: int, masks: int, side: int) -> dict[str, Any]:
    """Ask for masks on photos laid side by side."""
    sam = build_model("sam_lite")
    tallies = {"small": evaluation.Tally(), "large": evaluation.Tally()}
    for image, wanted in mosaics(data, photos=photos, masks=masks, side=side):
        asked = AskedPhoto(sam, image)
        for mask in wanted:
            tally = evaluation.click_on(asked, mask, 2)
            at_once, then = evaluation.draw_box(asked, mask)
            tally.box_at_once, tally.box = [at_once], [then]
            _, _, width, height = cv2.boundingRect(mask.astype(np.uint8))
            tallies["small" if max(width, height) < SMALL * len(image) else "large"].extend(tally)
    return {name: summary(tally) for name, tally in tallies.items()} | {"photo_px": side * PHOTO_PX}


def summary(tally: evaluation.Tally) -> dict[str, Any]:
    """Return means at once and after a closer look, and after a second click."""
    means = {
        f"{name}{when}": round(float(np.mean(getattr(tally, name + when))), 4)
        for name in FIGURES
        for when in ("_at_once", "")
    }
    return {"masks": len(tally.first), **means, "two_clicks": round(float(np.mean(np.array(tally.curves)[:, 1])), 4)}


def mosaics(
    data: Path, *, photos: int, masks: int, side: int
) -> Iterator[tuple[NDArray[np.uint8], list[evaluation.Bool]]]:
    """Yield side x side photos, drawn at random from all folders, as one, and true masks on it."""
    sets: dict[str, list[tuple[Path, list[dict[str, Any]]]]] = {}
    for name, photo, rles in evaluation.photos_below(data):
        if rles:
            sets.setdefault(name, []).append((photo, rles))
    chosen = [one for items in sets.values() for one in items[:: max(1, len(items) // photos)][:photos]]
    order = np.random.default_rng(3).permutation(len(chosen))
    for start in range(0, len(order) - side * side + 1, side * side):
        image = np.zeros((side * PHOTO_PX, side * PHOTO_PX, 3), np.uint8)
        wanted = []
        for place, index in enumerate(order[start : start + side * side]):
            photo, rles = chosen[index]
            top, left = place // side * PHOTO_PX, place % side * PHOTO_PX
            own = evaluation.read_rgb(photo)[:PHOTO_PX, :PHOTO_PX]
            below, right = PHOTO_PX - own.shape[0], PHOTO_PX - own.shape[1]
            tile = cv2.copyMakeBorder(own, 0, below, 0, right, cv2.BORDER_REFLECT)
            image[top : top + PHOTO_PX, left : left + PHOTO_PX] = tile
            for one in rles[:: max(1, len(rles) // masks)][:masks]:
                mask = np.zeros(image.shape[:2], dtype=np.bool_)
                small = rle.decode(one)[:PHOTO_PX, :PHOTO_PX]
                mask[top : top + small.shape[0], left : left + small.shape[1]] = small
                if mask.any():
                    wanted.append(mask)
        yield image, wanted


if __name__ == "__main__":
    sys.exit(main())
