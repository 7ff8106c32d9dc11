"""Open a 12-megapixel photo with many masks in headless Chromium; time opening, moving, selecting, painting, saving.

    python tests/bench/bench_workspace.py --url http://127.0.0.1:8000 --username admin --password ... [--masks 500 2000]

Works on a server that runs already, in a project of its own that it deletes at the end. Prints one JSON object. Frame
times are those between animation frames; a machine without a GPU draws them on the processor. `cpu_ms_a_frame` is what
the page's own thread worked for each frame, which a busy machine stretches less than times. `interactive_ms` counts
from the start of the navigation to the first frame after the masks are listed, on the page's own clock; `server_ms` of
it passed until the server's page began to arrive. Knows nothing of the server's inside.
"""

import argparse
import io
import json
import math
import os
import random
import statistics
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pycocotools import mask as coco

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.browser_memory import page_memory, process_memory
from tests.chromium import CHROMIUM, FLAGS

WIDTH, HEIGHT = 4000, 3000
BATCH = 250

# Note the time between animation frames from now on, until stopFrames() returns them in milliseconds.
FRAMES = """() => {
  const times = []; let last = performance.now(); let goes = true;
  const step = (now) => { times.push(now - last); last = now; if (goes) requestAnimationFrame(step); };
  requestAnimationFrame(step);
  window.stopFrames = () => { goes = false; return times.slice(2); };
}"""


# Note when the masks are listed and a frame has shown them.
LISTED = """
new MutationObserver((_, observer) => {
  if (!document.querySelector(".rows [role=row]")) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame(() => { window.interactiveMs = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""


def make_photo() -> bytes:
    """Return a 12-megapixel JPEG of soft shapes."""
    noise = np.random.default_rng(int(time.time())).integers(0, 255, (30, 40, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def make_counts(maker: random.Random) -> str:
    """Return the compressed counts of one wobbly blob, column by column, without a bitmap."""
    radius = maker.uniform(25, 220)
    x0, y0 = maker.uniform(radius, WIDTH - radius), maker.uniform(radius * 1.3, HEIGHT - radius * 1.3)
    phase, waves = maker.uniform(0, 6), maker.randint(2, 7)
    runs: list[int] = []
    position = 0
    for x in range(math.ceil(x0 - radius), math.floor(x0 + radius)):
        half = math.sqrt(max(radius**2 - (x - x0) ** 2, 0)) * (1 + 0.2 * math.sin(waves * (x - x0) / radius + phase))
        start, end = x * HEIGHT + max(int(y0 - half), 0), x * HEIGHT + min(int(y0 + half), HEIGHT - 1)
        if end > start:
            runs += [start - position, end - start]
            position = end
    runs.append(WIDTH * HEIGHT - position)
    return str(coco.frPyObjects({"counts": runs, "size": [HEIGHT, WIDTH]}, HEIGHT, WIDTH)["counts"].decode())


class Client:
    """The API as the page's own session calls it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url

    def sign_in(self, page: Page, username: str, password: str) -> None:
        page.goto(self.url + "/")
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url("**/projects/**")

    def call(self, method: str, path: str, **body: Any) -> Any:
        token = next(cookie["value"] for cookie in self.context.cookies() if cookie["name"] == "csrftoken")
        headers = {"X-CSRFToken": token, "Referer": self.url + "/"}
        answer = self.context.request.fetch(f"{self.url}/api/v1{path}", method=method, headers=headers, **body)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.text()[:300]}")
        return json.loads(answer.text() or "null")

    def add_photo(self, project: int) -> int:
        part = {"name": "bench.jpg", "mimeType": "image/jpeg", "buffer": make_photo()}
        rows = self.call("POST", f"/projects/{project}/images", multipart={"files": part})
        image = int(rows[0]["image_id"])
        while self.call("GET", f"/images/{image}")["embedding"]["status"] not in {"ready", "failed"}:
            time.sleep(0.5)
        return image

    def add_masks(self, image: int, count: int) -> None:
        maker = random.Random(count)
        for start in range(0, count, BATCH):
            operations = [
                {
                    "op_id": str(uuid.uuid4()),
                    "type": "create",
                    "annotation_id": str(uuid.uuid4()),
                    "fields": {"counts": make_counts(maker), "state": "accepted", "z_order": start + i},
                }
                for i in range(min(BATCH, count - start))
            ]
            self.call("POST", f"/images/{image}/operations", data={"operations": operations})


def summary(frames: list[float]) -> dict[str, float]:
    """Return frames a second, and the median and 95th percentile of the time between frames."""
    ordered = sorted(frames)
    return {
        "frames_per_s": round(1000 * len(frames) / sum(frames), 1),
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(len(ordered) * 0.95)], 1),
    }


class MainThread:
    """The processor time of the page's own thread."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy_ms(self) -> float:
        """Return the milliseconds that the thread has worked so far."""
        found = {one["name"]: one["value"] for one in self.session.send("Performance.getMetrics")["metrics"]}
        return float(found["TaskDuration"]) * 1000


@contextmanager
def counted_frames(page: Page, result: dict[str, Any], name: str) -> Iterator[None]:
    thread = MainThread(page)
    page.evaluate(FRAMES)
    before = thread.busy_ms()
    yield
    frames = page.evaluate("window.stopFrames()")
    worked = thread.busy_ms() - before
    result[name] = {**summary(frames), "cpu_ms_a_frame": round(worked / max(len(frames), 1), 1)}


def open_image(page: Page, address: str, count: int) -> dict[str, float]:
    """Return the milliseconds until masks can be worked on, and until the model answers prompts as well."""
    thread = MainThread(page)
    before = thread.busy_ms()
    started = time.perf_counter()
    page.goto(address, wait_until="commit")
    interactive = page.wait_for_function("() => window.interactiveMs").json_value()
    page.wait_for_selector(".engine-ready", timeout=120_000)
    ready = time.perf_counter() - started
    shown = page.locator(".section.masks .count").inner_text().replace(",", "")
    if int(shown) != count:
        raise RuntimeError(f"{shown} masks are listed, not {count}")
    worked = round(thread.busy_ms() - before)
    server = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
    figures = {"interactive_ms": interactive, "server_ms": server, "model_ready_ms": ready * 1000, "cpu_ms": worked}
    return {name: round(value) for name, value in figures.items()}


def move_about(page: Page, result: dict[str, Any]) -> None:
    """Pan by the middle button and zoom by the wheel, with the masks on."""
    box = page.locator(".overlay").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(1500)
    page.mouse.down(button="middle")
    with counted_frames(page, result, "pan"):
        for step in range(90):
            page.mouse.move(x + 120 * math.sin(step / 8), y + 80 * math.cos(step / 8))
    page.mouse.up(button="middle")
    with counted_frames(page, result, "zoom"):
        for step in range(60):
            page.mouse.wheel(0, 30 if step % 20 < 10 else -30)
    page.keyboard.press("0")
    page.wait_for_timeout(1000)


def select_all(page: Page, result: dict[str, Any]) -> None:
    """Select all masks and watch the marching ants around them."""
    page.keyboard.press("v")
    page.keyboard.press("Control+a")
    page.wait_for_timeout(1500)
    with counted_frames(page, result, "ants"):
        page.wait_for_timeout(3000)
    page.keyboard.press("Escape")


def paint(page: Page, result: dict[str, Any]) -> None:
    """Paint a new mask across the photo in one stroke and keep it; note frames, bytes sent and the answer's time."""
    box = page.locator(".overlay").bounding_box()
    assert box is not None
    page.keyboard.press("r")
    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.mouse.down()
    with counted_frames(page, result, "brush"):
        for step in range(150):
            across = box["width"] * (0.1 + 0.8 * step / 150)
            page.mouse.move(box["x"] + across, box["y"] + box["height"] * (0.5 + 0.35 * math.sin(step / 9)))
    page.mouse.up()
    with page.expect_response("**/operations") as answered:
        page.keyboard.press("Enter")
    response = answered.value
    response.finished()
    result["save_bytes"] = len(response.request.post_data or "")
    result["save_ms"] = round(response.request.timing["responseEnd"], 1)


def measure(browser: Browser, options: argparse.Namespace, count: int) -> dict[str, Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    page = context.new_page()
    page.add_init_script(LISTED)
    client = Client(context, options.url)
    client.sign_in(page, options.username, options.password)
    project = client.call("POST", "/projects", data={"name": f"Bench {count}"})["id"]
    try:
        image = client.add_photo(project)
        client.add_masks(image, count)
        address = f"{options.url}/projects/{project}/images/{image}/"
        result: dict[str, Any] = {"masks": count, "first_opening": open_image(page, address, count)}
        result["second_opening"] = open_image(page, address, count)
        page.wait_for_timeout(2000)
        move_about(page, result)
        select_all(page, result)
        paint(page, result)
        result["memory"] = process_memory(browser.new_browser_cdp_session()) | page_memory(
            context.new_cdp_session(page)
        )
    finally:
        client.call("DELETE", f"/projects/{project}")
        context.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password", default=os.environ.get("DEMO_PASSWORD", ""))
    parser.add_argument("--masks", type=int, nargs="+", default=[500, 2000])
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        results = [measure(browser, options, count) for count in options.masks]
        browser.close()
    print(json.dumps({"results": results, "load_average": os.getloadavg()[0]}, indent=1))


if __name__ == "__main__":
    main()
