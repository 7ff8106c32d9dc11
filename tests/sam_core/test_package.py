"""sam_core can be installed alone: what is in the wheel, and that masks need no torch there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest

import sam_core

SOURCE = Path(sam_core.__file__).parent
NEEDED = ("numpy", "numpy.libs", "cv2", "opencv_python_headless.libs", "pycocotools", "pycocotools.libs")
SCRIPT = """
import sys
from pathlib import Path
import sam_core
from sam_core import masks
from sam_core.masks import rle
import numpy as np
assert rle.area(rle.encode(np.eye(7, dtype=bool))) == 7
assert "torch" not in sys.modules
folder = Path(sam_core.__file__).parent
assert (folder / "weights" / "sam_lite.pt").is_file() and (folder / "training" / "sam_lite.toml").is_file()
print(folder)
"""


def settings() -> Any:
    return tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_folder_of_code_is_in_the_package() -> None:
    folders = [file.parent.relative_to(SOURCE).parts for file in SOURCE.rglob("__init__.py")]
    found = {".".join(("sam_core", *parts)) for parts in folders}
    assert set(settings()["tool"]["setuptools"]["packages"]) == found


def test_what_it_needs_is_what_the_product_pins() -> None:
    project = settings()["project"]
    extras = [one for wanted in project["optional-dependencies"].values() for one in wanted]
    pinned = "".join((SOURCE.parent / name).read_text() for name in ("requirements.txt", "requirements-train.txt"))
    for wanted in (*project["dependencies"], *extras):
        assert f"{wanted.partition('>=')[0]}==" in pinned


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A fresh virtual environment with sam_core installed from a copy of its folder, and nothing it did not ask for."""
    folder = tmp_path_factory.mktemp("alone")
    shutil.copytree(SOURCE, folder / "sam_core", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    venv.create(folder / "venv", with_pip=False)
    target = next((folder / "venv" / "lib").glob("python*/site-packages"))
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    install += ["--disable-pip-version-check", "--target", str(target), str(folder / "sam_core")]
    subprocess.run(install, check=True, capture_output=True, cwd=folder, env=_without_path())
    return folder / "venv" / "bin" / "python", target


def _without_path() -> Any:
    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def test_masks_work_in_a_fresh_environment_without_torch(environment: Any) -> None:
    python, target = environment
    ours = Path(sysconfig.get_paths()["purelib"])
    for name in NEEDED:
        if (ours / name).exists():
            (target / name).symlink_to(ours / name)
    run = subprocess.run(
        [python, "-c", SCRIPT], capture_output=True, text=True, cwd=target, env=_without_path(), check=False
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).is_relative_to(target)
