"""What a start shows while it prepares the data: lines about models at once, everything else in the log."""

import sys
from pathlib import Path

import pytest

from annotator.launcher import commands
from annotator.launcher.options import read_options

PREPARES = """
import sys
print("migrating", file=sys.stderr)
print("Exporting model sam_vit_b-01ec64 anew ...", file=sys.stderr)
print("{}")
sys.exit(3)
"""


def test_models_are_named_on_the_way_and_the_rest_is_logged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    log_file = tmp_path / "prepare.log"
    status, out, errors = commands.run_and_tell([sys.executable, "-c", PREPARES], read_options(), log_file)
    assert (status, out.strip()) == (3, "{}")
    assert errors == log_file.read_text() == "migrating\nExporting model sam_vit_b-01ec64 anew ...\n"
    assert capsys.readouterr().out == "Exporting model sam_vit_b-01ec64 anew ...\n"
