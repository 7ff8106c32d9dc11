"""A child of the launcher: pauses before it is started again, and logs that stay short."""

import time
from pathlib import Path

import pytest

from annotator.launcher import processes
from annotator.launcher.options import Options
from annotator.launcher.processes import Child


@pytest.fixture
def child(tmp_path: Path) -> Child:
    """A child that was never started."""
    (tmp_path / "logs").mkdir()
    one = Child("web", ["true"], Options(host="127.0.0.1", port=1, data_dir=tmp_path))
    one.log_file.touch()
    return one


def test_one_that_dies_young_waits_twice_as_long_each_time(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    child.started_at = 999.0
    assert [child.starts_again_in_s() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    now[0] += processes.SHORT_LIFE_S
    assert child.starts_again_in_s() == 0
    child.started_at = now[0]
    assert child.starts_again_in_s() == 1


def test_a_long_log_moves_on_and_the_oldest_goes(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_BYTES", 100)
    with child.log_file.open("a") as log:  # as the process holds it open
        for number in range(6):
            log.write(f"{number}" * 120)
            log.flush()
            child.rotate_log()
        log.write("short")
    child.rotate_log()
    assert child.log_file.read_text() == "short"
    kept = sorted(child.log_file.parent.glob("web.log.*"))
    assert [path.name for path in kept] == ["web.log.1", "web.log.2", "web.log.3"]
    assert [path.read_text()[0] for path in kept] == ["5", "4", "3"]
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}
