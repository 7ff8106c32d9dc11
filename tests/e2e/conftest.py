"""What the end-to-end tests stand on: the product as `make run` starts it, and a real Chromium.

The server, its worker and their data directory are real and shared by the session; each test has its own project.
The browser lives for one module: Playwright's loop would confuse the tests of other folders.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.chromium import CHROMIUM, FLAGS
from tests.e2e.steps import Server, sign_in
from tests.made_once import made_once, place
from tests.product import running_product

# Generous, because a loaded machine is slow and not wrong; nothing waits longer than it has to.
PATIENCE_MS = 120_000


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The product with its own data directory: a copy of one that was started before, as most people's is."""
    data_dir = tmp_path_factory.mktemp("data") / "copy"
    shutil.copytree(made_once("started-product", start_and_stop), data_dir)
    with running_product(data_dir) as one:
        yield one


def start_and_stop(data_dir: Path) -> None:
    """Do all that the product does at its first start."""
    with running_product(data_dir):
        pass


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of the test's own."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def sign_in_again(page: Page, server: Server) -> None:
    """Arrive at the projects as admin, with the session of an earlier test if it lives: hashing takes long."""
    kept = place() / f"session-{server.address.rpartition(':')[2]}.json"
    if kept.exists():
        page.context.add_cookies(json.loads(kept.read_text(encoding="utf-8")))
        if page.request.get(f"{server.address}/api/v1/me").ok:
            page.goto(f"{server.address}/projects/")
            return
        page.context.clear_cookies()
    sign_in(page, server)
    kept.write_text(json.dumps(page.context.cookies(server.address)), encoding="utf-8")


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    """A page signed in as admin; whatever the page logs as an error fails the test."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    sign_in_again(page, server)
    yield page
    assert problems == [], json.dumps(problems, indent=1)
