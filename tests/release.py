"""`python -m tests.release vX.Y.Z`: hold a tag to the versions in the source and print its notes from CHANGELOG.md."""

import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class ReleaseError(Exception):
    """What does not agree, as one sentence."""


def read_versions(root: Path = ROOT) -> dict[str, str]:
    """Return the version that each part of the source names, by file."""
    package = (root / "annotator" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    library = tomllib.loads((root / "sam_core" / "pyproject.toml").read_text(encoding="utf-8"))
    frontend = json.loads((root / "frontend" / "package.json").read_text(encoding="utf-8"))
    return {
        "annotator/__init__.py": found[1] if found else "",
        "sam_core/pyproject.toml": str(library["project"]["version"]),
        "frontend/package.json": str(frontend["version"]),
    }


def read_notes(version: str, root: Path = ROOT) -> str:
    """Return what CHANGELOG.md says of a version; raise ReleaseError where it says nothing."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## {re.escape(version)} \(\d{{4}}-\d{{2}}-\d{{2}}\)\n(.*?)(?=^## |\Z)"
    found = re.search(heading, text, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise ReleaseError(f'CHANGELOG.md has no notes under "## {version} (YYYY-MM-DD)".')
    return found[1].strip() + "\n"


def prepare_notes(tag: str, root: Path = ROOT) -> str:
    """Return the notes of a release; raise ReleaseError where tag, source and changelog disagree."""
    if re.fullmatch(r"v\d+\.\d+\.\d+", tag) is None:
        raise ReleaseError(f"{tag} is no tag of a release: it has to be like v1.2.3.")
    version = tag.removeprefix("v")
    for file, named in read_versions(root).items():
        if named != version:
            raise ReleaseError(f"The tag is {tag} and {file} names {named}.")
    return read_notes(version, root)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m tests.release vX.Y.Z")
    try:
        print(prepare_notes(sys.argv[1]), end="")
    except ReleaseError as error:
        sys.exit(str(error))
