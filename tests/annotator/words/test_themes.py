"""Each theme names every colour, and text can be read on what it stands on (WCAG 2.2, 1.4.3: 4.5 to 1)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = (ROOT / "static/css/base.css", ROOT / "static/css/dark.css")
WORKSPACE = (ROOT / "frontend/src/ui/workspace.css", ROOT / "static/css/workspace-light.css")
ON_PAGES = [
    ("text", "bg"), ("text", "surface"), ("text", "surface-2"), ("text-2", "bg"), ("text-2", "surface"),
    ("text-2", "surface-2"), ("accent", "bg"), ("accent", "surface"), ("accent", "accent-soft"),
    ("on-accent", "accent"), ("on-accent", "accent-hover"), ("bad", "surface"), ("bad", "bad-soft"),
    ("good", "surface"), ("warn", "surface"), ("text", "accent-soft"), ("text", "good-soft"), ("text", "warn-soft"),
    ("text", "bad-soft"),
]  # fmt: skip
IN_WORKSPACE = [
    ("text", "bg"), ("text", "bg-raised"), ("text", "bg-hover"), ("text", "chosen"), ("text-quiet", "bg"),
    ("text-quiet", "bg-raised"), ("accent-ink", "accent"), ("accent-ink", "accent-hover"),
    ("warn", "bg"), ("bad", "bg"), ("warn", "bg-raised"),
]  # fmt: skip


def names_of(file: Path) -> dict[str, str]:
    """Return the variables of the file's first :root."""
    root = re.search(r":root \{(.*?)\}", file.read_text(encoding="utf-8"), re.S)
    assert root is not None
    return dict(re.findall(r"--([\w-]+): ([^;]+);", root[1]))


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_that_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(("base", "other"), [PAGES, WORKSPACE])
def test_the_other_theme_names_each_colour_again(base: Path, other: Path) -> None:
    colours = {name for name, value in names_of(base).items() if value.startswith(("#", "rgb")) or name == "shadow"}
    assert set(names_of(other)) == colours


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
@pytest.mark.parametrize(("ink", "ground"), ON_PAGES)
def test_text_of_the_pages_can_be_read(file: Path, ink: str, ground: str) -> None:
    names = names_of(file)
    assert contrast(names[ink], names[ground]) >= 4.5


@pytest.mark.parametrize("file", WORKSPACE, ids=lambda file: file.stem)
@pytest.mark.parametrize(("ink", "ground"), IN_WORKSPACE)
def test_text_of_the_workspace_can_be_read(file: Path, ink: str, ground: str) -> None:
    names = names_of(file)
    assert contrast(names[ink], names[ground]) >= 4.5


@pytest.mark.parametrize("file", [*PAGES, *WORKSPACE], ids=lambda file: file.stem)
def test_the_browsers_own_controls_follow(file: Path) -> None:
    scheme = "light" if "light" in file.stem or file.stem == "base" else "dark"
    assert f"color-scheme: {scheme};" in file.read_text(encoding="utf-8")
