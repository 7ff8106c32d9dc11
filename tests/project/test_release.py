"""Versions agree, and a release gets the notes of its own version alone."""

import shutil
from pathlib import Path

import pytest

from tests.release import ROOT, ReleaseError, prepare_notes, read_versions

FILES = ("annotator/__init__.py", "sam_core/pyproject.toml", "frontend/package.json")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_every_part_names_the_same_version() -> None:
    assert len(set(read_versions().values())) == 1


def test_changes_are_collected_under_unreleased() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_a_release_gets_its_own_notes(source: Path) -> None:
    version = read_versions(source)["annotator/__init__.py"]
    sections = {"Unreleased": "later", f"{version} (2026-01-31)": "now", "0.0.1 (2025-01-01)": "before"}
    text = "".join(f"## {heading}\n\n- {note}\n\n" for heading, note in sections.items())
    (source / "CHANGELOG.md").write_text(f"# Changelog\n\n{text}")
    assert prepare_notes(f"v{version}", source) == "- now\n"


@pytest.mark.parametrize("tag", ["0.1.0", "v1", "v9.9.9"])
def test_a_tag_that_does_not_fit_is_refused(source: Path, tag: str) -> None:
    (source / "CHANGELOG.md").write_text("# Changelog\n\n## 9.9.9 (2026-01-31)\n\n- now\n")
    with pytest.raises(ReleaseError, match=tag):
        prepare_notes(tag, source)


def test_a_version_without_notes_is_refused(source: Path) -> None:
    version = read_versions(source)["annotator/__init__.py"]
    (source / "CHANGELOG.md").write_text(f"# Changelog\n\n## Unreleased\n\n- {version} (2026-01-31)\n")
    with pytest.raises(ReleaseError, match="no notes"):
        prepare_notes(f"v{version}", source)
