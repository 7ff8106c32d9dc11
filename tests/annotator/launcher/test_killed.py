"""Processes that are killed: the web process comes back, a killed launcher leaves nothing, two starts never share data.

The product is started as `make run` does, with a database and a model of its own; no browser.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.launcher.options import ROOT
from tests.annotator.inference_steps import TINY_MODEL
from tests.waiting import WITHIN_S, wait_ended, wait_until


class Product:
    """The launcher and whatever it started."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir, self.port = data_dir, port
        environment = {
            **os.environ,
            "DATA_DIR": str(data_dir),
            "PORT": str(port),
            "DEFAULT_MODEL": TINY_MODEL,
            "DEMO": "0",
        }
        environment.pop("DATABASE_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "annotator.launcher", "run"],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        said = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("ready "):
                break
        assert said[-1].startswith("ready "), "".join(said)

    def children(self) -> dict[str, int]:
        """Return the process ids of web server and worker."""
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        lines = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids}
        named = {"web": b"uvicorn", "worker": b"run_worker", "watchdog": b"watchdog"}
        return {name: pid for name, part in named.items() for pid, line in lines.items() if part in line}

    def answers(self) -> bool:
        """Say whether the page answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/live", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it as Ctrl-C does, whatever is left of it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=WITHIN_S)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One start for all tests here; the last of them kills it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = Product(tmp_path_factory.mktemp("house") / "data", port)
    yield one
    one.stop()


def test_a_killed_web_process_comes_back_and_a_killed_launcher_leaves_nothing(product: Product) -> None:
    first = product.children()
    os.kill(first["web"], signal.SIGKILL)
    wait_until(lambda: product.children().get("web", first["web"]) != first["web"])
    wait_until(product.answers)
    assert product.children()["worker"] == first["worker"]

    assert_nothing_is_open_to_others(product.data_dir)
    assert_a_second_start_is_refused(product)

    last = product.children()
    product.process.send_signal(signal.SIGKILL)
    product.process.communicate()
    wait_ended(last.values())
    assert not product.answers()

    product.process = Product(product.data_dir, product.port).process  # and the next start finds nothing in its way
    assert product.answers()


def assert_nothing_is_open_to_others(data_dir: Path) -> None:
    """Sessions, passwords and photos are their owner's alone."""
    paths = [data_dir, *data_dir.rglob("*")]
    assert (data_dir / "maskwright.sqlite3") in paths
    assert [str(path) for path in paths if path.lstat().st_mode & 0o077 and not path.is_symlink()] == []


def assert_a_second_start_is_refused(product: Product) -> None:
    """On the same data, at another port: one sentence says who is there."""
    environment = {**os.environ, "DATA_DIR": str(product.data_dir), "PORT": str(product.port + 1)}
    command = [sys.executable, "-m", "annotator.launcher", "run"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    assert line.startswith(f"Maskwright runs already on {product.data_dir} (process {product.process.pid}, at http://")
    holder = json.loads((product.data_dir / "launcher.lock").read_text())
    assert holder["pid"] == product.process.pid
