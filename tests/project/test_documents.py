"""The documents name what there is: files, commands, pictures, decisions; and decisions stay short."""

import re
from pathlib import Path

import pytest
import yaml

from annotator.launcher.options import ROOT
from tests.pictures import NAMES

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))])
TOP = ("annotator/", "sam_core/", "frontend/", "tests/", "docs/", "fixtures/", "static/")
LONGEST_DECISION = 40
LARGEST_PICTURE = 200_000


def named_paths(text: str) -> set[str]:
    """Return the files and folders that a page names in code or prose, without patterns and built ones."""
    words = re.findall(rf"(?<![\w/.])(?:{'|'.join(TOP)})[\w./{{}}*<>-]*", text)
    plain = {word.rstrip(".") for word in words if not re.search(r"[{}*<>]", word)}
    return {path for path in plain if "/dist" not in path and "node_modules" not in path}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert {path for path in named_paths(text) if not any(ROOT.glob(f"{path}*"))} == set()
    links = {link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link}
    assert {link for link in links if not (page.parent / link).exists()} == set()


def test_every_make_target_that_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert {"run", "test", "docs", "lock", "coverage", "pictures"} <= named
    assert {name for name in named if f"\n{name}:" not in makefile} == set()


@pytest.mark.parametrize("file", sorted((DOCS / "adr").glob("0*.md")), ids=lambda file: file.name[:4])
def test_a_decision_is_short_and_listed(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST_DECISION
    assert f"({file.name})" in (DOCS / "adr" / "README.md").read_text(encoding="utf-8")


def test_pictures_are_small_all_shown_and_made_by_the_command() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    taken = {file.stem: file.stat().st_size for file in (DOCS / "pictures").glob("*.webp")}
    assert set(taken) == set(NAMES)
    assert {name: size for name, size in taken.items() if size > LARGEST_PICTURE} == {}
    assert {name for name in taken if f"pictures/{name}.webp" not in text} == set()


def test_every_page_is_in_the_site() -> None:
    read = yaml.safe_load((DOCS / "mkdocs" / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = set(re.findall(r"[\w/.-]+\.md", str(read["nav"])))
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    assert {page for page in pages - listed if not re.match(r"adr/\d", page)} == set()
    assert listed - pages == set()
