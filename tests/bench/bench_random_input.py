"""Let a monkey work in the workspace: random clicks, strokes, wheels and keys from a seed; watch errors and memory.

    python tests/bench/bench_random_input.py --url http://127.0.0.1:8000 --username admin --password ... [--seconds 60]
        [--cut-network]

With --cut-network the network is cut at random, answers are lost and the server fails now and then; memory is not read
then, and at the end every mask that was kept must be on the server exactly once (see network_cuts.py). Then the hands
point at something and keep its mask more often; whoever has left the workspace comes back and goes on.

Works on a server that runs already, in a project of its own that it archives at the end. Memory is read at the same
state each time: no mask, no comment asked for, the first image opened anew, garbage collected; what stays there is what
leaked. Prints one line of JSON for each reading and one at the end; exit code 1 when the page logged an error or its
memory grew. Knows nothing of the server's inside.
"""

import argparse
import contextlib
import json
import os
import random
import re
import statistics
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.bench.bench_workspace import BATCH, Client
from tests.bench.browser_memory import own_objects, page_memory, process_memory
from tests.bench.network_cuts import EXPECTED, Cuts, Ledger, wait_until_saved
from tests.bench.way_back import OPEN_MS, SETTLE_MS, Way
from tests.chromium import CHROMIUM, FLAGS

BUTTONS: tuple[Literal["left", "right", "middle"], ...] = ("left", "right", "middle")
PHOTOS = Path(__file__).resolve().parents[2] / "fixtures" / "demo" / "photos"
NAMES = ("cat.jpg", "coffee.jpg", "coins.jpg")
REPORT_S = 60.0
PREVIOUS, NEXT = "footer .icon-button >> nth=0", "footer .icon-button >> nth=1"
MOST_MASKS = 40
# How long a hand waits for the mask of its click.
ANSWER_MS = 3000
# What decides about a mask that was set aside is no random input: dropped is dropped.
CHOICES = ".conflicts"
SECOND = "annotator"
KEEPS = 25
# So much more in the last quarter than in the second one is growth; the first quarter fills caches. The heap as a whole
# also holds the machine code of what has become hot and the browser's notes for whoever watches it.
GROWTH = {
    "own_mb": 1.1,
    "own_objects": 1.1,
    "heap_mb": 1.5,
    "nodes": 1.2,
    "listeners": 1.2,
    "array_buffers_mb": 1.2,
    "pss_mb": 1.15,
}
KEYS = (
    *"vpberluhmgfskoztnaxjic0123456789[]+-.,/",
    "Enter", "Escape", "Tab", "Shift+Tab", "Delete", "Control+z", "Control+z", "Control+Shift+z", "Control+d",
    "Shift+g", "Alt+g", "Shift+f", "Shift+h", "Shift+c", "Shift+1", "Control+a", "PageUp", "PageDown", "?",
    "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Shift+ArrowLeft", "Space", "Shift+Space", "Backslash",
    "Control+Enter",
)  # fmt: skip


@dataclass
class Watch:
    """What the page complained about, and how much memory it held when."""

    problems: list[str] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    refusals: int = 0
    is_cut: bool = False

    def listen(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error} {error.stack}"))
        page.on("crash", lambda _: self.problems.append("the tab crashed"))
        page.on("console", lambda message: self._note(message.type, message.text, message.location))

    def _note(self, kind: str, text: str, location: Any) -> None:
        # 409 is the server's no to what cannot be, such as submitting a reviewed image; the browser itself logs it.
        if kind == "error" and "status of 409" in text:
            self.refusals += 1
        elif kind == "error" and self.is_cut and any(part in text for part in EXPECTED):
            return
        elif kind == "error":
            self.problems.append(f"{text} {location.get('url', '')}")

    def grew(self, name: str) -> bool:
        """Say whether the last quarter of the run holds far more than the second one."""
        quarter = len(self.samples) // 4
        if quarter < 2:
            return False
        early = statistics.median(sample[name] for sample in self.samples[quarter : 2 * quarter])
        late = statistics.median(sample[name] for sample in self.samples[-quarter:])
        return bool(late > early * GROWTH[name])


class Monkey:
    """Hands without a plan, the same for the same seed."""

    def __init__(self, page: Page, seed: int, *, keeps: int = 0) -> None:
        """Take the page; keeps: how often a click and Enter come, beside 100 other things."""
        self.page = page
        self.chance = random.Random(seed)
        self.counts: dict[str, int] = {}
        self.keeps = keeps
        page.set_default_timeout(OPEN_MS)

    def act(self) -> None:
        """Do one thing."""
        ways = {self.click: 30, self.stroke: 18, self.key: 30, self.wheel: 10, self.hover: 6}
        ways |= {self.press_button: 5, self.tidy: 1, self.keep: self.keeps, self.leave: 1 if self.keeps else 0}
        (way,) = self.chance.choices(list(ways), weights=list(ways.values()))
        self.counts[way.__name__] = self.counts.get(way.__name__, 0) + 1
        way()

    def place(self) -> tuple[float, float]:
        box = self.page.get_by_role("application").bounding_box()
        assert box is not None
        margin = 20
        return (
            self.chance.uniform(box["x"] - margin, box["x"] + box["width"] + margin),
            self.chance.uniform(box["y"] - margin, box["y"] + box["height"] + margin),
        )

    def click(self) -> None:
        button = self.chance.choices(BUTTONS, weights=[8, 2, 1])[0]
        self.page.mouse.click(*self.inside(), button=button, click_count=self.chance.choice([1, 1, 1, 2]))

    def leave(self) -> None:
        """Go back to the project, or to the account in the middle of everything."""
        if self.chance.random() < 0.5:
            self.page.locator(".bar-back").evaluate("(link) => link.click()")
        else:
            self.page.evaluate("() => location.assign('/account/')")

    def keep(self) -> None:
        """Point at something, wait for its mask, keep it."""
        for key in ("Escape", "Escape", "0", "p"):
            self.page.keyboard.press(key)
        self.page.mouse.click(*self.inside())
        ask_anyway = self.page.locator(".notice-warning .button")
        with contextlib.suppress(BrowserError):
            if ask_anyway.count() > 0:
                ask_anyway.first.click(timeout=ANSWER_MS)
            self.page.wait_for_selector(".chip[aria-busy=false] .chip-choice", timeout=ANSWER_MS)
            self.page.keyboard.press("Enter")

    def inside(self) -> tuple[float, float]:
        """Return a place on the canvas itself."""
        box = self.page.get_by_role("application").bounding_box()
        assert box is not None
        return (
            self.chance.uniform(box["x"] + 2, box["x"] + box["width"] - 2),
            self.chance.uniform(box["y"] + 2, box["y"] + box["height"] - 2),
        )

    def stroke(self) -> None:
        self.page.mouse.move(*self.inside())
        self.page.mouse.down(button=self.chance.choices(BUTTONS, weights=[8, 1, 2])[0])
        for _ in range(self.chance.randint(1, 5)):
            self.page.mouse.move(*self.place(), steps=self.chance.randint(1, 6))
            if self.chance.random() < 0.05:
                self.page.keyboard.press("Escape")
        for button in ("left", "right", "middle"):
            self.page.mouse.up(button=button)

    def key(self) -> None:
        self.page.keyboard.press(self.chance.choice(KEYS))

    def wheel(self) -> None:
        self.page.mouse.move(*self.inside())
        self.page.mouse.wheel(self.chance.uniform(-200, 200), self.chance.uniform(-400, 400))

    def hover(self) -> None:
        self.page.mouse.move(*self.place(), steps=self.chance.randint(1, 10))

    def press_button(self) -> None:
        """Press any button of the panels, were it in the way or not."""
        buttons = self.page.locator(
            f":is(button:visible:enabled, summary:visible, [role=row]:visible):not({CHOICES} *)"
        )
        number = buttons.count()
        if number > 0:
            buttons.nth(self.chance.randrange(number)).evaluate("(element) => element.click()")

    def tidy(self) -> None:
        """Come back to a whole view; clear the masks away when there are many."""
        for key in ("Escape", "Escape", "0"):
            self.page.keyboard.press(key)
        shown = self.page.locator(".section.masks .count")
        if shown.count() and int(re.sub(r"\D", "", shown.first.inner_text()) or 0) > MOST_MASKS:
            self.page.keyboard.press("Control+a")
            self.page.keyboard.press("Delete")


@dataclass
class Reader:
    """Reads memory, always in the same state: the first image, opened anew, without a mask, at whole view."""

    page: Page
    other: Client
    images: list[int]
    sessions: tuple[CDPSession, CDPSession]

    def read(self) -> dict[str, Any]:
        """Bring the workspace to that state and return what page and processes hold."""
        for _ in range(3):
            self.page.keyboard.press("Escape")
        for _ in self.images:
            self._step(PREVIOUS)
        for image in self.images:
            clear_image(self.other, image)
        self._step(NEXT)
        self._step(PREVIOUS)
        self.page.locator("footer .zoom").evaluate("(zoom) => zoom.blur()")
        self.page.wait_for_timeout(SETTLE_MS)
        page_session, browser_session = self.sessions
        return page_memory(page_session) | own_objects(page_session) | process_memory(browser_session)

    def _step(self, button: str) -> None:
        """Go to the neighbouring image, if there is one, and wait until it is shown."""
        step = self.page.locator(button)
        if step.is_enabled():
            before = self.page.url
            step.evaluate("(element) => element.click()")
            self.page.wait_for_url(lambda address: address != before)


def clear_image(client: Client, image: int) -> None:
    """Delete what the monkey has left on an image, as another person would, and let go of the image."""
    rows = client.call("GET", f"/images/{image}/annotations")["annotations"]
    operations = [
        {
            "op_id": str(uuid.uuid4()),
            "type": "delete",
            "annotation_id": row["id"],
            "base_revision": row["revision"],
            "fields": {},
        }
        for row in rows
    ]
    for start in range(0, len(operations), BATCH):
        client.call("POST", f"/images/{image}/operations", data={"operations": operations[start : start + BATCH]})
    # Refused where the page holds the image, which is as good.
    with contextlib.suppress(RuntimeError):
        client.call("POST", f"/images/{image}/release")


def prepare(client: Client) -> tuple[int, list[int]]:
    """Make a project with photos and labels; return it and its images."""
    project = int(client.call("POST", "/projects", data={"name": "Random input"})["id"])
    for number, name in enumerate(("Cat", "Cup", "Coin"), 1):
        body = {"name": name, "color": f"#{number * 3355443 % 0xFFFFFF:06x}", "key": str(number)}
        client.call("POST", f"/projects/{project}/labels", data=body)
    client.call("POST", f"/projects/{project}/members", data={"username": SECOND, "role": "annotator"})
    images = []
    for name in NAMES:
        part = {"name": name, "mimeType": "image/jpeg", "buffer": (PHOTOS / name).read_bytes()}
        rows = client.call("POST", f"/projects/{project}/images", multipart={"files": part})
        images.append(int(rows[0]["image_id"]))
    while any(client.call("GET", f"/images/{i}")["embedding"]["status"] not in {"ready", "failed"} for i in images):
        time.sleep(0.5)
    return project, images


def forget_preferences(client: Client) -> None:
    """Give the person back the keys and the language that the monkey has changed."""
    client.call("PATCH", "/me/preferences", data={"locale": None, "shortcuts": None, "is_left_handed": None})


def second_person(browser: Browser, options: argparse.Namespace) -> Client:
    """Return the API as a second person sees it, whose changes reach the page as anybody else's do."""
    context = browser.new_context()
    client = Client(context, options.url)
    page = context.new_page()
    client.sign_in(page, SECOND, options.password)
    page.close()
    return client


def run(page: Page, options: argparse.Namespace, watch: Watch, reader: Reader) -> Monkey:
    """Let the monkey work for its time, or until the first problem."""
    monkey = Monkey(page, options.seed)
    watch.samples.append({"s": 0, **reader.read()})
    print(json.dumps(watch.samples[-1]), flush=True)
    started = reported = time.monotonic()
    while time.monotonic() - started < options.seconds and not watch.problems:
        monkey.act()
        if time.monotonic() - reported > REPORT_S:
            watch.samples.append({"s": round(time.monotonic() - started), **reader.read()})
            reported = time.monotonic()
            print(json.dumps({**watch.samples[-1], "acts": sum(monkey.counts.values())}), flush=True)
    return monkey


def run_cut(page: Page, options: argparse.Namespace, watch: Watch, way: Way) -> dict[str, Any]:
    """Let the monkey work on a failing network, then compare what it made with the server; return the figures."""
    ledger, monkey = Ledger(), Monkey(page, options.seed, keeps=KEEPS)
    ledger.listen(page)
    page.reload()
    page.wait_for_selector(".engine-ready", timeout=OPEN_MS)
    cuts = Cuts(page.context, options.seed)
    started = reported = time.monotonic()
    returns = 0
    while time.monotonic() - started < options.seconds and not watch.problems:
        cuts.act()
        if not act_or_stumble(monkey, way):
            returns += 1
            cuts.restore()
            way.come_back()
        if time.monotonic() - reported > REPORT_S:
            reported = time.monotonic()
            figures = {"s": round(reported - started), "made": ledger.made(), "returns": returns, **cuts.counts}
            print(json.dumps({**figures, "acts": sum(monkey.counts.values())}), flush=True)
    cuts.end()
    if way.is_lost():
        way.come_back()
    page.keyboard.press("Escape")
    state = wait_until_saved(page)
    watch.problems += [] if state == "saved" else [f"the header says {state} at the end"]
    watch.problems += ledger.compare(way.client)
    figures = {"seconds": round(time.monotonic() - started), "masks_made": ledger.made(), "returns": returns}
    return {**figures, "operations": len(ledger.operations), "network": dict(cuts.counts), "acts": monkey.counts}


def act_or_stumble(monkey: Monkey, way: Way) -> bool:
    """Do one thing; say whether the page is still the workspace. What the page itself logs is watched elsewhere."""
    try:
        monkey.act()
    except (BrowserError, AssertionError):
        if not way.is_lost():
            raise
    return not way.is_lost()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--username", default="admin")
    parser.add_argument("--password", default=os.environ.get("DEMO_PASSWORD", ""))
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cut-network", action="store_true")
    options = parser.parse_args()
    watch = Watch(is_cut=options.cut_network)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
        page = context.new_page()
        client = Client(context, options.url)
        client.sign_in(page, options.username, options.password)
        forget_preferences(client)
        project, images = prepare(client)
        watch.listen(page)
        page.goto(f"{options.url}/projects/{project}/images/{images[0]}/")
        page.wait_for_selector(".engine-ready", timeout=OPEN_MS)
        if options.cut_network:
            try:
                figures = run_cut(page, options, watch, Way(page, client, options, page.url))
            finally:
                forget_preferences(client)
            print(json.dumps({"seed": options.seed, **figures, "problems": watch.problems[:20]}))
            return 1 if watch.problems else 0
        sessions = (context.new_cdp_session(page), browser.new_browser_cdp_session())
        try:
            monkey = run(page, options, watch, Reader(page, second_person(browser, options), images, sessions))
        finally:
            forget_preferences(client)
            client.call("DELETE", f"/projects/{project}")
        browser.close()
    grown = [name for name in GROWTH if watch.grew(name)]
    said = {"problems": watch.problems, "refusals": watch.refusals, "grown": grown}
    print(json.dumps({"seed": options.seed, "acts": monkey.counts, **said}))
    return 1 if watch.problems or grown else 0


if __name__ == "__main__":
    sys.exit(main())
