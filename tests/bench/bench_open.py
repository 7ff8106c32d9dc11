"""From `make run` to a painted mask: start the product, open demo photos and click on them in headless Chromium.

    python -m tests.bench.bench_open [--opens 10] [--clicks 20] [--photo-megapixels 12]

Starts the product as `make run` does, on a data directory of its own, twice. Prints one JSON object: seconds of both
starts; seconds from going to an image, whose embedding is there, until it can be clicked, and until the first click's
mask is there; the workspace page's own bytes over the wire; and the workspace's own latency meter after so many first
clicks on a photo of 12 megapixels. Knows nothing of the server's inside.
"""

import argparse
import io
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from tests.chromium import CHROMIUM, FLAGS

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "bench-Correct-Horse-7"
PATIENCE_MS = 120_000
# Seconds from the start of the navigation until the workspace says that it can be clicked.
WATCH = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".engine-ready")) return;
  window.readyMs = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true, attributes: true });
"""
# Not the page's own: the runtime and the model are counted apart.
HEAVY = re.compile(r"\.wasm|/models/|/embeddings/|ort-|/preview|/tiles?/|/photo|/media/")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def product(data_dir: Path, port: int, root: Path = ROOT) -> Iterator[float]:
    """Start the product of a checkout; yield the seconds until it was ready, and stop it as Ctrl-C does."""
    environment = os.environ | {"PORT": str(port), "DATA_DIR": str(data_dir), "DEMO_PASSWORD": PASSWORD}
    started = time.perf_counter()
    command = [sys.executable, "-m", "annotator.launcher", "run"]
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if not any(line.startswith("ready ") for line in process.stdout):
            raise RuntimeError("the product did not start")
        yield time.perf_counter() - started
        process.send_signal(signal.SIGINT)
        process.communicate()


def sign_in(browser: Browser, address: str) -> Page:
    """Return a page whose person is signed in as the admin."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/login/")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/projects/")
    page.get_by_role("link", name=re.compile("Demo")).first.click()
    expect(page.get_by_text("All images are ready to click")).to_be_visible(timeout=PATIENCE_MS)
    page.add_init_script(WATCH)
    return page


def open_images(page: Page, opens: int) -> dict[str, list[float]]:
    """Open images one after another, each by its address, and click in the middle of each."""
    project = page.url.rstrip("/")
    links = page.get_by_role("link", name=re.compile("^Open ")).all()
    addresses = [str(link.get_attribute("href")) for link in links]
    ready, masks = [], []
    for number in range(opens + 1):
        page.goto(addresses[number % len(addresses)], wait_until="commit")
        page.locator(".engine-ready").wait_for()
        ready.append(float(page.evaluate("window.readyMs")) / 1000)
        click(page, 0.5, 0.5)
        masks.append(float(page.evaluate("performance.now()")) / 1000)
        page.keyboard.press("Escape")
    page.goto(project)
    return {"ready": ready[1:], "mask": masks[1:]}  # the first one also fills the browser's caches


def click(page: Page, across: float, down: float) -> None:
    """Click at a place of the stage, in shares of its size, and wait for the candidates."""
    box = page.get_by_role("application").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)
    expect(page.get_by_role("group", name="Candidates").get_by_text(re.compile(r"\d\.\d\d")).first).to_be_visible()


def page_weight(browser: Browser, address: str, page: Page) -> dict[str, float]:
    """Return kilobytes over the wire of a first visit to the workspace: its own, and with model and runtime."""
    link = page.get_by_role("link", name=re.compile("^Open ")).first.get_attribute("href")
    context = browser.new_context(base_url=address, storage_state=page.context.storage_state())
    visitor = context.new_page()
    session = context.new_cdp_session(visitor)
    session.send("Network.enable")
    urls: dict[str, str] = {}
    sizes: dict[str, float] = {}
    session.on("Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]}))
    session.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    visitor.goto(str(link))
    visitor.locator(".engine-ready").wait_for(timeout=PATIENCE_MS)
    own = sum(size for key, size in sizes.items() if key in urls and not HEAVY.search(urls[key]))
    context.close()
    return {"own_kb": round(own / 1000, 1), "all_kb": round(sum(sizes.values()) / 1000, 1)}


def large_photo(megapixels: float) -> bytes:
    """Return a demo photo enlarged to so many megapixels, as JPEG."""
    with Image.open(ROOT / "fixtures" / "demo" / "photos" / "cat.jpg") as photo:
        scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
        size = round(photo.width * scale), round(photo.height * scale)
        large = photo.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def click_large(page: Page, megapixels: float, clicks: int) -> dict[str, float]:
    """Upload a large photo, click on it so many times, each a new mask, and read the workspace's latency meter."""
    payload = FilePayload(name="large.jpg", mimeType="image/jpeg", buffer=large_photo(megapixels))
    page.get_by_label("Choose photos or a zip").set_input_files([payload])
    expect(page.get_by_text(re.compile(r"\d+ images? added"))).to_be_visible()
    expect(page.get_by_text("All images are ready to click")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Open large.jpg").click()
    page.locator(".engine-ready").wait_for()
    places = np.random.default_rng(1).uniform(0.25, 0.75, (clicks, 2))
    for across, down in places:
        click(page, float(across), float(down))
        page.keyboard.press("Escape")
        expect(page.get_by_role("group", name="Candidates")).to_have_count(0)
    page.locator(".engine-button").click()
    figures = page.locator(".engine-choice dd").all_inner_texts()
    numbers = [[float(n) for n in re.findall(r"(\d+) ms", text)] for text in figures]
    (paint50, paint95), (decode50, decode95) = numbers
    return {
        "click_to_paint_p50_ms": paint50,
        "click_to_paint_p95_ms": paint95,
        "decode_p50_ms": decode50,
        "decode_p95_ms": decode95,
    }


def tell(text: str) -> None:
    """Say how far it is, beside the result."""
    print(text, file=sys.stderr, flush=True)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run everything once."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with product(folder, port) as first_start:
        pass
    with product(folder, port) as second_start, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = sign_in(browser, address)
        tell(f"started in {first_start:.1f} s, then in {second_start:.1f} s")
        weight = page_weight(browser, address, page)
        tell(f"page: {weight}")
        times = open_images(page, options.opens)
        tell(f"opened: {times}")
        clicks = click_large(page, options.photo_megapixels, options.clicks)
        browser.close()
    return {
        "first_start_s": round(first_start, 1),
        "second_start_s": round(second_start, 1),
        "open_to_ready_median_s": round(statistics.median(times["ready"]), 3),
        "open_to_ready_worst_s": round(max(times["ready"]), 3),
        "open_to_first_mask_median_s": round(statistics.median(times["mask"]), 3),
        "first_page": weight,
        **clicks,
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    """Read the options, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--opens", type=int, default=10)
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--photo-megapixels", type=float, default=12.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-open-") as folder:
        print(json.dumps(measure(options, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
