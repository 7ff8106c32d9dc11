"""A Redis server of a test's own, on a free port of loopback."""

import shutil
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

SERVER = shutil.which("redis-server")


class OwnRedis:
    """A Redis server of the test's own."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._folder = folder
        self.start()

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder))
        self.process = subprocess.Popen([str(SERVER), *options], stdout=subprocess.DEVNULL)
        while not self._answers():
            assert self.process.poll() is None

    def _answers(self) -> bool:
        with closing(socket.socket()) as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        """Let it take connections and answer nothing."""
        self.process.send_signal(signal.SIGSTOP)
