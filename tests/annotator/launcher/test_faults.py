"""Two faults of the bench as tests: an upload that loses its web process, and a lock that somebody else holds."""

import argparse
import json
from pathlib import Path

import pytest

from tests.bench import bench_faults


@pytest.mark.slow
def test_faults_are_borne(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = argparse.Namespace(only="web_killed,lock_held", database="sqlite", hold=4.0)
    assert bench_faults.run_all(tmp_path, wanted), capsys.readouterr().out
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    names = ["web_killed_while_saving", "web_killed_in_upload", "lock_held"]
    assert [(row["fault"], row["ok"]) for row in rows] == [(name, True) for name in names]
