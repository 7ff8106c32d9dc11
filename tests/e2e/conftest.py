"""What the end-to-end tests stand on: the product as `make run` starts it, and a real Chromium.

The server, its worker and their data directory are real and shared by the session; each test has its own project.
The browser lives for one module: Playwright's loop would confuse the tests of other folders.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.chromium import CHROMIUM, FLAGS
from tests.e2e.steps import Server, sign_in

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "e2e-Correct-Horse-7"
# Generous, because a loaded machine is slow and not wrong; nothing waits longer than it has to.
PATIENCE_MS = 120_000


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start the product with its own data directory; stop it as Ctrl-C does, and see that it ends well."""
    data_dir = tmp_path_factory.mktemp("data")
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
        "PORT": str(port),
        "DATA_DIR": str(data_dir),
        "DEMO_PASSWORD": PASSWORD,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "annotator.launcher", "run"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = read_until_ready(process)
    assert f"ready http://127.0.0.1:{port}" in said, said
    yield Server(address=f"http://127.0.0.1:{port}", data_dir=data_dir, password=PASSWORD, said=said)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0, rest


def read_until_ready(process: "subprocess.Popen[str]") -> str:
    """Return what the launcher printed up to its ready line, or to its end."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("ready "):
            break
    return "".join(lines)


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


@pytest.fixture
def page(context: BrowserContext, server: Server) -> Iterator[Page]:
    """A page signed in as admin; whatever the page logs as an error fails the test."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    sign_in(page, server)
    yield page
    assert problems == [], json.dumps(problems, indent=1)
