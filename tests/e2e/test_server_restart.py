"""The server is killed, stopped and started again between two steps of a person: no mask is lost, none comes twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.gestures import expect_saved, paint_mask
from tests.e2e.steps import Server, fit_of
from tests.e2e.test_faults import BARS, HEIGHT, WIDTH, kill_tab_once_safe, open_cat, reopen, server_masks
from tests.product import PASSWORD, free_port, read_until_ready

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).resolve().parents[2]


class RestartingServer:
    """The product, which can be taken away and brought back at the same address with the same data."""

    def __init__(self, data_dir: Path) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        self.process: subprocess.Popen[str] | None = None

    @property
    def seen(self) -> Server:
        """Return it as the steps know servers."""
        return Server(f"http://127.0.0.1:{self.port}", self.data_dir, PASSWORD, "")

    def start(self) -> None:
        """Start it and wait until it is ready."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            "DEMO_PASSWORD": PASSWORD,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "annotator.launcher", "run"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = read_until_ready(self.process)
        assert f"ready http://127.0.0.1:{self.port}" in said, said

    def stop(self) -> None:
        """Stop it as Ctrl-C does."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        self.process = None

    def web_process(self) -> int:
        """Return the process that listens."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        (web,) = [int(pid) for pid in children if b"uvicorn" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return web


@pytest.fixture
def lost_server(tmp_path: Path) -> Iterator[RestartingServer]:
    """A server of the test's own, stopped at the end whatever happened."""
    one = RestartingServer(tmp_path / "data")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile whose pages may fail to reach the server."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.mark.slow
def test_a_server_that_is_killed_between_two_steps_loses_nothing(
    visitor: BrowserContext, lost_server: RestartingServer
) -> None:
    page, image_id = open_cat(visitor, lost_server.seen, "Restart")
    address = page.url
    fit = fit_of(page, WIDTH, HEIGHT)
    paint_mask(page, fit, BARS[0], count=1)
    expect_saved(page)

    os.kill(lost_server.web_process(), signal.SIGKILL)
    paint_mask(page, fit, BARS[1], count=2)
    paint_mask(page, fit, BARS[2], count=3)
    before = server_masks(page, lost_server.seen, image_id, count=3)

    paint_mask(page, fit, BARS[3], count=4)
    lost_server.stop()
    paint_mask(page, fit, BARS[4], count=5)
    kill_tab_once_safe(page)
    lost_server.start()
    page = reopen(visitor, address)
    after = server_masks(page, lost_server.seen, image_id, count=5)
    assert {mask["id"] for mask in before} < {mask["id"] for mask in after}
