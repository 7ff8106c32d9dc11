"""What a tool is told to overlook is told by its code, and why."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from annotator.launcher.options import ROOT

IGNORE = re.compile(r"#\s*type:\s*ignore")
WITH_REASON = re.compile(r"# type: ignore\[[a-z-]+(?:, [a-z-]+)*\]  # \S+")


def without_reason(file: Path) -> Iterator[int]:
    """Yield the lines of a file that silence mypy without its code or without a word on why."""
    with tokenize.open(file) as lines:
        for token in tokenize.generate_tokens(lines.readline):
            if token.type == tokenize.COMMENT and IGNORE.search(token.string) and not WITH_REASON.search(token.string):
                yield token.start[0]


def test_whoever_silences_mypy_says_why() -> None:
    files = [file for room in ("annotator", "sam_core", "tests") for file in (ROOT / room).rglob("*.py")]
    assert len(files) > 500
    assert [f"{file.relative_to(ROOT)}:{line}" for file in files for line in without_reason(file)] == []


def test_silence_without_code_or_reason_is_found(tmp_path: Path) -> None:
    file = tmp_path / "quiet.py"
    file.write_text(
        "a = 1  # type: ignore\n"
        "b = 1  # type: ignore[misc]\n"
        "c = 1  # type: ignore[misc]  # setuptools has no types\n"
        "d = 1  #type:ignore\n"
        "e = '# type: ignore'\n",
        encoding="utf-8",
    )
    assert list(without_reason(file)) == [1, 2, 4]
