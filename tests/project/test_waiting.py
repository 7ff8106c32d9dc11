"""Tests wait for what happens, not for time; what they wait with does what it says."""

import re
import socket
import subprocess
import sys

import pytest

from annotator.launcher.options import ROOT
from tests.waiting import Talker, open_listener, wait_ended, wait_until

SLEEP = re.compile(r"\b(?:time\.sleep|asyncio\.sleep|wait_for_timeout)\(")
# A child process that is to be killed for taking too long.
EXPECTED = {"waiting.py", "sam_core/test_pictures.py"}


def test_no_test_sleeps() -> None:
    tests = ROOT / "tests"
    files = (file for file in tests.rglob("*.py") if file.relative_to(tests).parts[0] != "bench")
    found = {str(file.relative_to(tests)) for file in files if SLEEP.search(file.read_text(encoding="utf-8"))}
    assert found == EXPECTED


def test_waiting_ends_when_it_is_so_and_fails_when_it_never_is() -> None:
    turns = iter([0, 0, 1])
    wait_until(lambda: next(turns))
    with pytest.raises(AssertionError, match="in vain: rain"):
        wait_until(lambda: False, within_s=0, what="rain")


def test_a_process_is_waited_for_by_its_line_and_by_its_end() -> None:
    talker = Talker([sys.executable, "-c", "print('hello'); input()"], stdin=subprocess.PIPE)
    assert talker.wait_for("hel+o") == "hello\n"
    talker.end()
    wait_ended([talker.process.pid])
    with pytest.raises(AssertionError, match="no line with 'goodbye'"):
        talker.wait_for("goodbye")


def test_a_process_that_does_not_end_fails_the_wait() -> None:
    talker = Talker([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with pytest.raises(AssertionError, match="runs still"):
        wait_ended([talker.process.pid], within_s=0)
    talker.end()


def test_whoever_connects_to_an_inherited_socket_waits_for_the_server() -> None:
    code = "import socket, sys; line, _ = socket.socket(fileno=int(sys.argv[1])).accept(); line.sendall(b'here')"
    with open_listener() as listener:
        number = listener.fileno()
        process = subprocess.Popen([sys.executable, "-c", code, str(number)], pass_fds=[number])
        port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
        assert line.recv(4) == b"here"
    assert process.wait(60) == 0
