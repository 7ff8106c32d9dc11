"""The product as `make run` starts it, with its own port and data directory, for tests and pictures."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.steps import Server

ROOT = Path(__file__).resolve().parents[1]
PASSWORD = "e2e-Correct-Horse-7"
ENDS_WITHIN_S = 60


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_product(data_dir: Path) -> Iterator[Server]:
    """Start the product with its demo; stop it as Ctrl-C does, and see that it ends well."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")},
        "PORT": str(port),
        "DATA_DIR": str(data_dir),
        "DEMO_PASSWORD": PASSWORD,
        "ALLOWED_HOSTS": "127.0.0.1,localhost,ann.test",
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
    rest, _ = process.communicate(timeout=ENDS_WITHIN_S)
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
