"""The card of one backup: what was copied, from which version, and the digests that prove it."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from annotator.backup.errors import BackupError
from annotator.backup.places import MANIFEST

FORMAT = 1
LISTED = 1000


@dataclass
class DatabaseFacts:
    """The copy of the database. `tables` are rows by table, `migrations` what was applied, as "app.name"."""

    kind: str
    file: str
    bytes: int = 0
    sha256: str = ""
    tool: str = ""
    tables: dict[str, int] = field(default_factory=dict)
    migrations: list[str] = field(default_factory=list)


@dataclass
class FilesFacts:
    """The copied files. `missing` are named by a row and were not there; `damaged` no longer have their digest."""

    count: int = 0
    bytes: int = 0
    linked: int = 0
    sha256: str = ""
    missing_count: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass
class Manifest:
    """What `manifest.json` holds. `scope` is "all" or "database"; `left_out` names folders that were not asked for."""

    made_at: str
    version: str
    scope: str
    database: DatabaseFacts
    files: FilesFacts
    left_out: list[str] = field(default_factory=list)
    has_secret_key: bool = True
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """Write the card as the last file of a backup."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the card; raise BackupError for one that is broken or of a newer format."""
    try:
        raw: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if raw["format"] > FORMAT:
            raise BackupError(f"{folder} was made by a newer Maskwright ({raw['version']}): restore it with that one.")
        database, files = DatabaseFacts(**raw.pop("database")), FilesFacts(**raw.pop("files"))
        return Manifest(**raw, database=database, files=files)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: this is no whole backup.") from error
