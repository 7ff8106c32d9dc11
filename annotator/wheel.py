"""What `pip install .` does beyond copying Python files: build the front end, and take static files and demo along.

Runs while the package is built, with setuptools and Node (`[build-system]` in pyproject.toml) and nothing else.
"""

import gzip
import shutil
import subprocess
from pathlib import Path

from setuptools.build_meta import *  # noqa: F403 - this module is the build backend
from setuptools.command.build_py import build_py

from annotator.launcher.installation import DIST, FRONTEND, frontend_sources, hash_files
from annotator.launcher.options import ROOT

TAKEN_ALONG = ("static", "fixtures/demo")
COMPRESSED = {".js", ".css", ".wasm", ".json", ".svg", ".map"}


class BuildProduct(build_py):  # type: ignore[misc]  # setuptools has no types
    """setuptools' build_py for the whole product; an editable install uses the checkout as it is."""

    def run(self) -> None:
        """Build the front end, copy the packages, then what they need beside them."""
        if self.editable_mode:
            super().run()
            return
        build_frontend()
        shutil.rmtree(self.build_lib, ignore_errors=True)  # modules that are gone since the last build
        super().run()
        for name in TAKEN_ALONG:
            shutil.copytree(ROOT / name, Path(self.build_lib) / "annotator" / "installed" / name)


def build_frontend() -> None:
    """Build static/dist with the Node on PATH, unless it is built of these very sources already."""
    lock = hash_files([FRONTEND / "package-lock.json"], salt="")
    stamp, wanted = DIST / ".sources-stamp", hash_files(frontend_sources(), salt=lock)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    packages = FRONTEND / "node_modules" / ".lock-stamp"
    if not packages.exists() or packages.read_text() != lock:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=FRONTEND, check=True)
        packages.write_text(lock)
    subprocess.run(["npm", "run", "build"], cwd=FRONTEND, check=True)
    compress(DIST)
    stamp.write_text(wanted)


def compress(folder: Path) -> None:
    """Write a gzip beside each file that gets smaller; the server hands it out as it is."""
    for file in sorted(folder.rglob("*")):
        if file.suffix in COMPRESSED:
            packed = gzip.compress(file.read_bytes(), mtime=0)
            if len(packed) < file.stat().st_size:
                file.with_name(f"{file.name}.gz").write_bytes(packed)
