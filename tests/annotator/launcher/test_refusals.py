"""What `make run` says when it cannot start: one sentence, exit code 1, and nothing half-done."""

import os
import socket
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from annotator.launcher.__main__ import describe_old_python
from annotator.launcher.machine import check_disk
from annotator.launcher.options import ROOT
from annotator.launcher.problems import LaunchError, explain_failure


def launch(tmp_path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the launcher as `make run` does."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path / "data"), **variables}
    command = [sys.executable, "-m", "annotator.launcher", "run"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def sentence(done: "subprocess.CompletedProcess[str]") -> str:
    """Return what a refused start said, having checked that it is one line and no traceback."""
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.strip()]
    return line


def test_a_port_in_use_is_named_with_another_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = sentence(launch(tmp_path, PORT=str(port)))
    assert (
        said == f"Port {port} is in use by another program: stop it, or choose another port: PORT={port + 1} make run"
    )
    assert not (tmp_path / "data" / "maskwright.sqlite3").exists()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "80.5"])
def test_a_port_that_is_none(tmp_path: Path, port: str) -> None:
    assert sentence(launch(tmp_path, PORT=port)) == f"PORT={port} is no port: give a whole number from 1 to 65535."


def test_a_data_dir_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    assert "cannot be made or written" in sentence(launch(tmp_path, PORT="8999"))


def test_an_unknown_command_shows_how_it_is_used(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "annotator.launcher", "fly"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Usage:")


@pytest.mark.parametrize("version", [(2, 7), (3, 6, 9), (3, 10, 14)])
def test_an_old_python_is_refused(version: tuple[int, ...]) -> None:
    assert f"needs Python 3.11 or newer and this one is {version[0]}.{version[1]};" in describe_old_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 11, 2), (3, 14, 0), (4, 0)])
def test_a_new_python_is_taken(version: tuple[int, ...]) -> None:
    assert describe_old_python(version) == ""


def test_the_entry_can_be_read_by_python_3_6() -> None:
    import ast

    source = (ROOT / "annotator" / "launcher" / "__main__.py").read_text()
    ast.parse(source, feature_version=(3, 6))
    ast.parse((ROOT / "annotator" / "__init__.py").read_text(), feature_version=(3, 6))


def test_too_little_disk_names_what_is_there_and_what_is_needed(tmp_path: Path) -> None:
    check_disk(tmp_path, needed_bytes=1)
    with pytest.raises(LaunchError, match=r"Too little disk: .* GB free and 1048576\.0 GB are needed\."):
        check_disk(tmp_path, needed_bytes=2**50)


def pip_install(tmp_path: Path, *arguments: str, **variables: str) -> str:
    """Run a pip install that fails, in an environment of its own, and return all it said."""
    venv.create(tmp_path / "venv", with_pip=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "CONDA"))}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1", "PIP_TIMEOUT": "2", **variables}
    command = [str(tmp_path / "venv" / "bin" / "python"), "-m", "pip", "install", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused at once
        index = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        output = pip_install(tmp_path, "--no-cache-dir", "Django==5.2.19", PIP_INDEX_URL=index)
    said = explain_failure(output, step="Installing the requirements", log_file="setup.log")
    assert said.startswith("Installing the requirements failed. The package index cannot be reached")


def test_a_missing_compiler(tmp_path: Path) -> None:
    """What setuptools says, and pip repeats, where an extension must be built and nothing can."""
    (tmp_path / "fast.c").write_text("int x;\n")
    (tmp_path / "setup.py").write_text(
        "from setuptools import Extension, setup\nsetup(name='fast', ext_modules=[Extension('fast', ['fast.c'])])\n"
    )
    environment = {**os.environ, "PATH": str(tmp_path), "CC": "gcc"}
    command = [sys.executable, "setup.py", "build_ext"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    said = explain_failure(done.stdout + done.stderr, step="Installing the requirements", log_file="setup.log")
    assert done.returncode != 0
    assert "no C compiler was found: install one" in said


def test_a_full_disk_is_told_apart_from_the_rest() -> None:
    assert "The disk is full" in explain_failure("OSError: [Errno 28] No space left on device", step="S", log_file="l")
    said = explain_failure("first\nsomething odd happened\n\n", step="Building", log_file="/tmp/setup.log")
    assert said == "Building failed: something odd happened (everything it said is in /tmp/setup.log)."
