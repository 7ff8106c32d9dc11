"""`check --deploy` is silent for a server that is set up as docs/operations.md says, and true for any other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from annotator.launcher.options import ROOT

HTTPS = {"ALLOWED_HOSTS": "your.host", "CSRF_TRUSTED_ORIGINS": "https://your.host", "BEHIND_TLS": "1"}


def ids_of(tmp_path: Path, **variables: str) -> set[str]:
    """Return the ids that the check names."""
    environment = {**os.environ, "DATA_DIR": str(tmp_path), **variables}
    command = [sys.executable, "manage.py", "check", "--deploy"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return {part.split(")")[0] for part in done.stderr.split("(")[1:] if part.startswith(("security.", "maskwright."))}


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (HTTPS, set()),
        ({}, {"security.W004", "security.W012", "security.W016"}),
        ({**HTTPS, "ALLOWED_HOSTS": "*"}, {"maskwright.W001"}),
        ({**HTTPS, "DEBUG": "1"}, {"security.W018"}),
        ({**HTTPS, "SECRET_KEY": "short"}, {"security.W009", "maskwright.E005"}),
    ],
)
def test_check_deploy(tmp_path: Path, variables: dict[str, str], expected: set[str]) -> None:
    assert ids_of(tmp_path, **variables) == expected
