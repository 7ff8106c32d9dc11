"""Typed reading of environment variables.

A bad value never stops the import: it is written down in PROBLEMS and the default is used, so that
`manage.py check` (annotator/checks.py) can name every wrong variable at once. Knows nothing of Django's settings.
"""

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

PROBLEMS: list[str] = []
# Every variable that was asked for. The others are read where no Django runs (launcher) or by libraries.
NAMES: set[str] = {
    "SECRET_KEY", "DATABASE_URL", "DATABASE_POOL_SIZE", "S3_ENDPOINT_URL", "HOST", "DEMO_PASSWORD",
}  # fmt: skip
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def _read(name: str, default: T, parse: Callable[[str], T], wanted: str) -> T:
    NAMES.add(name)
    raw = os.environ.get(name)
    if raw is None or raw.strip() == "":
        return default
    try:
        return parse(raw.strip())
    except ValueError:
        PROBLEMS.append(f"{name}={raw!r} is not {wanted}; {default!r} is used instead.")
        return default


def read_int(name: str, default: int, *, low: int = 0, high: int = 2**62) -> int:
    """Read a whole number within [low, high]."""

    def parse(raw: str) -> int:
        value = int(raw)
        if not low <= value <= high:
            raise ValueError(raw)
        return value

    return _read(name, default, parse, f"a whole number from {low} to {high}")


def read_bool(name: str, default: bool) -> bool:
    """Read 1/0, true/false, yes/no or on/off."""

    def parse(raw: str) -> bool:
        if raw.lower() in _TRUE:
            return True
        if raw.lower() in _FALSE:
            return False
        raise ValueError(raw)

    return _read(name, default, parse, "a yes or no (1/0, true/false)")


def read_list(name: str, default: list[str]) -> list[str]:
    """Read a list separated by commas."""
    return _read(name, default, lambda raw: [part.strip() for part in raw.split(",") if part.strip()], "a list")


def read_text(name: str, default: str = "") -> str:
    """Read plain text."""
    return _read(name, default, str, "text")


def read_path(name: str, default: Path | None) -> Path | None:
    """Read a path and make it absolute; `~` stands for the home directory."""
    return _read(name, default, lambda raw: Path(raw).expanduser().resolve(), "a path")


def given() -> dict[str, str]:
    """Return the variables of the product that are set, for a backup."""
    return {name: os.environ[name] for name in sorted(NAMES) if os.environ.get(name)}


def load_or_make_secret(file: Path) -> str:
    """Return the secret kept in `file`; make it (mode 0600, atomically) when there is none yet.

    Where it cannot be kept, that is a problem written down, and the secret is this process's alone.
    """
    try:
        return file.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    try:
        return _make_secret(file)
    except OSError as error:
        PROBLEMS.append(f"The secret key cannot be kept in {file}: {error.strerror}.")
        return secrets.token_urlsafe(48)


def explain_unwritable(folder: Path) -> str:
    """Return why a folder cannot be written, as a sentence; an empty string for one that can."""
    if not folder.is_dir():
        return f"DATA_DIR {folder} is not a folder that can be written."
    if os.access(folder, os.W_OK | os.X_OK):
        return ""
    is_mounted_so = bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    why = "its disk is mounted read-only" if is_mounted_so else "it belongs to somebody else"
    return f"DATA_DIR {folder} is not a folder that can be written: {why}. Make it writable or name another folder."


def _make_secret(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".secret-")
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(secrets.token_urlsafe(48) + "\n")
    try:
        os.link(temporary, file)  # fails when another process was first: then its secret counts
    except FileExistsError:
        pass
    finally:
        os.unlink(temporary)
    return file.read_text(encoding="ascii").strip()
