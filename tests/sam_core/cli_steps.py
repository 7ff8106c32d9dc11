"""How tests run the command line."""

import json
from typing import Any

import pytest

from sam_core.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any], str]:
    """Run with --json; return the exit status, the answer and what went to standard error."""
    status = main([*map(str, arguments), "--json"])
    output = capsys.readouterr()
    return status, json.loads(output.out) if output.out else {}, output.err
