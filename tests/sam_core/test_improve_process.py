"""`python -m sam_core improve` as a process: stopped, killed, out of disk, asked for twice; and going on after each."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sam_core.training.checkpoint import load_state
from sam_core.training.run_files import locked
from tests.sam_core.project_photos import write_project

ROOM_BYTES = 40_000  # of a file: less than the weights take


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "data", 7, held_out=3)


def command(project: Path, run: Path, *, minutes: float = 0.15, resume: bool = False) -> list[str]:
    given = {"--model": "sam_tiny_test", "--data": project, "--run": run, "--minutes": minutes, "--threads": 1}
    arguments = [str(part) for pair in given.items() for part in pair]
    return [sys.executable, "-m", "sam_core", "improve", *arguments, *(["--resume"] if resume else [])]


def ended_while_training(project: Path, run: Path, number: signal.Signals, *, minutes: float) -> int:
    """Start a run, send it a signal while it trains, and return its exit status."""
    with subprocess.Popen(command(project, run, minutes=minutes), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("train ") and "loss" in line:
                break
        process.send_signal(number)
        process.stderr.read()
    return process.returncode


def finished(project: Path, run: Path) -> dict[str, object]:
    done = subprocess.run(command(project, run, resume=True), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads((run / "result.json").read_text())
    return result


@pytest.mark.parametrize(
    ("number", "status"),
    [pytest.param(signal.SIGTERM, 3, marks=pytest.mark.slow), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_a_run_that_was_ended_goes_on(project: Path, tmp_path: Path, number: signal.Signals, status: int) -> None:
    run = tmp_path / "run"
    assert ended_while_training(project, run, number, minutes=0.15) == status
    saved = load_state(run / "last.pt")["step"]
    assert saved > 0 or number == signal.SIGKILL  # who is killed saves nothing more
    result = finished(project, run)
    assert int(str(result["steps"])) >= saved
    rows = [json.loads(line) for line in (run / "progress.jsonl").read_text().splitlines()]
    told = [row["step"] for row in rows if row["phase"] == "train"]
    assert told == sorted(told)


@pytest.mark.slow
def test_a_full_disk_ends_with_status_5_and_nothing_that_was_saved_is_lost(project: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, ROOM_BYTES))

    done = subprocess.run(command(project, run), capture_output=True, text=True, check=False, preexec_fn=no_room)
    assert done.returncode == 5, done.stderr
    assert "free some space and go on with --resume" in done.stderr.splitlines()[-1]
    assert not list(run.rglob("*.part"))
    assert finished(project, run)["steps"]


def test_two_at_once_in_one_folder_are_refused(project: Path, tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        done = subprocess.run(command(project, tmp_path / "run"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "another process works in" in done.stderr
