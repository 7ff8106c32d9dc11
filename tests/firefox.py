"""A small client of Firefox's Marionette: starts it headless with a profile of its own and drives it over a local port.

Marionette is part of every Firefox (remote/marionette in its source): messages are `LENGTH:JSON`, a command is
[0, id, name, parameters] and its answer [1, id, error, result]. Command names are WebDriver's.
"""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until

FIREFOX = os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox") or ""
PATIENCE_SECONDS = 120.0
PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "intl.accept_languages": "en-US",
    # As tests/chromium.py: a name that is not this machine's own.
    "network.dns.localDomains": "ann.test",
}
KEYS = {"Enter": "\ue007", "Escape": "\ue00c"}


class FirefoxError(Exception):
    """What Firefox answered with instead of a result."""


class Firefox:
    """One window of a running Firefox."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = connection.makefile("rb")
        self._last_id = 0
        self._receive()  # the greeting
        self.call("WebDriver:NewSession", {"capabilities": {"alwaysMatch": {"pageLoadStrategy": "normal"}}})

    def call(self, name: str, parameters: dict[str, Any] | None = None) -> Any:
        """Send a command and return its result."""
        self._last_id += 1
        message = json.dumps([0, self._last_id, name, parameters or {}]).encode()
        self._connection.sendall(b"%d:%s" % (len(message), message))
        _, answered, error, result = self._receive()
        assert answered == self._last_id
        if error:
            raise FirefoxError(f"{name}: {error['message']}")
        return result["value"] if set(result or {}) == {"value"} else result

    def go(self, address: str) -> None:
        """Open an address and wait until it is loaded."""
        self.call("WebDriver:Navigate", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a function's body in the page and return what it returns."""
        return self.call("WebDriver:ExecuteScript", {"script": script, "args": list(arguments), "newSandbox": False})

    def wait_for(self, script: str, *arguments: Any) -> Any:
        """Run a script again and again until it returns something true, and return that."""
        found: list[Any] = []

        def is_so() -> bool:
            found[:] = [self.run(script, *arguments)]
            return bool(found[0])

        wait_until(is_so, within_s=PATIENCE_SECONDS, what=f"{script} {arguments}")  # Marionette tells no events
        return found[0]

    def point(self, *places: tuple[float, float], button: int = 0) -> None:
        """Press the mouse at the first place, drag it over the others and let it go."""
        first, *rest = [{"type": "pointerMove", "x": round(x), "y": round(y), "duration": 40} for x, y in places]
        presses = [{"type": kind, "button": button} for kind in ("pointerDown", "pointerUp")]
        steps = [first, presses[0], *rest, presses[1]]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}
        self.call("WebDriver:PerformActions", {"actions": [mouse]})

    def press(self, key: str) -> None:
        """Press a key: a letter, Enter or Escape."""
        value = KEYS.get(key, key)
        actions = [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")]
        self.call("WebDriver:PerformActions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def _receive(self) -> Any:
        length = b""
        while (byte := self._reader.read(1)) != b":":
            if not byte:
                raise FirefoxError("Firefox has gone.")
            length += byte
        return json.loads(self._reader.read(int(length)))


@contextmanager
def firefox(profile: Path) -> Iterator[Firefox]:
    """A headless Firefox with a new profile; skips where there is none, which on CI is a failure."""
    if not FIREFOX:
        message = "There is no Firefox here: install firefox-esr, or name one with FIREFOX=/path/to/firefox."
        (pytest.fail if os.environ.get("CI") else pytest.skip)(message)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    lines = {**PREFERENCES, "marionette.port": port}
    profile.mkdir(parents=True)
    (profile / "user.js").write_text(
        "".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in lines.items())
    )
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(profile)]
    environment = {**os.environ, "HOME": str(profile), "MOZ_HEADLESS_WIDTH": "1280", "MOZ_HEADLESS_HEIGHT": "800"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(port, process) as connection:
            yield Firefox(connection)
    finally:
        process.terminate()
        process.wait(timeout=30)


def connect(port: int, process: "subprocess.Popen[bytes]") -> socket.socket:
    """Connect to a Firefox that is starting."""
    opened: list[socket.socket] = []

    def is_open() -> bool:
        assert process.poll() is None, "Firefox ended as soon as it was started."
        with suppress(ConnectionRefusedError):
            opened.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS))
        return bool(opened)

    wait_until(is_open, within_s=PATIENCE_SECONDS, what="Firefox")  # it takes no socket that listens already
    return opened[0]
