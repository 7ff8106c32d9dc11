"""Virtual environment, requirements and front end, each made once and again only when its sources changed."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from annotator.launcher.machine import FIRST_START_BYTES, LATER_START_BYTES, check_disk
from annotator.launcher.options import ROOT, Options
from annotator.launcher.private import open_private
from annotator.launcher.problems import LaunchError, explain_failure
from annotator.places import IS_CHECKOUT

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python" if IS_CHECKOUT else Path(sys.executable)
MANAGE = ["manage.py"] if IS_CHECKOUT else ["-m", "annotator", "manage"]  # what PYTHON runs for a management command
FRONTEND = ROOT / "frontend"
DIST = ROOT / "static" / "dist"


def install_all(options: Options) -> None:
    """Bring everything to the state of the working tree; raise LaunchError when a step fails."""
    if not IS_CHECKOUT:
        check_disk(options.data_dir, needed_bytes=LATER_START_BYTES)
        return
    is_first = not (VENV / ".requirements-stamp").exists()
    check_disk(ROOT, needed_bytes=FIRST_START_BYTES if is_first else LATER_START_BYTES)
    check_disk(options.data_dir, needed_bytes=LATER_START_BYTES)
    make_venv(options)
    install_requirements(options)
    build_frontend(options)


def make_venv(options: Options) -> None:
    """Make .venv with the Python that runs this, unless it is there."""
    if PYTHON.exists():
        return
    _run_step([sys.executable, "-m", "venv", str(VENV)], step="Making the virtual environment", options=options)


def install_requirements(options: Options) -> None:
    """Install requirements.txt when it or Python changed since the last time."""
    source = ROOT / "requirements.txt"
    stamp = VENV / ".requirements-stamp"
    wanted = hash_files([source], salt=f"{sys.version_info[:2]}")
    if _read(stamp) == wanted:
        return
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-r", str(source)]
    _run_step(command, step="Installing the requirements", options=options)
    stamp.write_text(wanted)


def build_frontend(options: Options) -> None:
    """Install the front end's packages and build it into static/dist, each when its sources changed."""
    npm = str(VENV / "bin" / "npm")
    lock_stamp = FRONTEND / "node_modules" / ".lock-stamp"
    lock = hash_files([FRONTEND / "package-lock.json"], salt="")
    if _read(lock_stamp) != lock:
        command = [npm, "ci", "--no-audit", "--no-fund"]
        _run_step(command, step="Installing the front end's packages", options=options, cwd=FRONTEND)
        lock_stamp.write_text(lock)
    build_stamp = DIST / ".sources-stamp"
    wanted = hash_files(frontend_sources(), salt=lock)
    if _read(build_stamp) != wanted:
        _run_step([npm, "run", "build"], step="Building the front end", options=options, cwd=FRONTEND)
        # Beside each file its gzip, which the server hands out as it is; only here, because names hold their hash.
        compress = [str(PYTHON), "-m", "whitenoise.compress", "--quiet", str(DIST)]
        _run_step(compress, step="Compressing it", options=options)
        build_stamp.write_text(wanted)


def frontend_sources() -> list[Path]:
    """Return the files that the build reads, in a fixed order."""
    nested = (path for folder in ("src", "public", "kernels") for path in (FRONTEND / folder).rglob("*"))
    top = (path for path in FRONTEND.iterdir() if path.suffix in {".json", ".ts", ".js", ".mjs", ".html"})
    files = (path for path in [*nested, *top] if path.is_file() and not path.name.endswith(".test.ts"))
    return sorted(file for file in files if file.suffix != ".wasm")  # the kernels, which the build makes


def hash_files(files: Iterable[Path], *, salt: str) -> str:
    """Return one digest over names and contents."""
    digest = hashlib.sha256(salt.encode())
    for file in files:
        digest.update(str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _read(stamp: Path) -> str:
    try:
        return stamp.read_text()
    except FileNotFoundError:
        return ""


def _run_step(command: Sequence[str], *, step: str, options: Options, cwd: Path = ROOT) -> None:
    print(f"{step} ...", flush=True)
    log_file = options.log_dir / "setup.log"
    with open_private(log_file, "a") as log:
        log.write(f"$ {' '.join(command)}\n")
    try:
        done = subprocess.run(
            command,
            check=False,
            cwd=cwd,
            env=options.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise LaunchError(f"{step} failed: {error}.") from error
    with open_private(log_file, "a") as log:
        log.write(done.stdout)
    if done.returncode != 0:
        raise LaunchError(explain_failure(done.stdout, step=step, log_file=str(log_file)))
