"""What the person or a script may choose, by environment variable."""

import os
from dataclasses import dataclass
from pathlib import Path

from annotator.launcher.private import make_private
from annotator.launcher.problems import LaunchError
from annotator.places import default_data_dir

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Options:
    """Where to listen and where to keep data."""

    host: str
    port: int
    data_dir: Path

    @property
    def address(self) -> str:
        """Return the page's address."""
        return f"http://{self.host}:{self.port}"

    @property
    def is_behind_proxy(self) -> bool:
        """Say whether requests come through a proxy, whose word on addresses counts."""
        return os.environ.get("BEHIND_TLS", "").strip().lower() in {"1", "true", "yes", "on"}

    @property
    def log_dir(self) -> Path:
        """Return the folder of the logs."""
        return self.data_dir / "logs"

    def environment(self) -> dict[str, str]:
        """Return the environment of every process that is started."""
        bin_dir = ROOT / ".venv" / "bin"
        return {
            **os.environ,
            "PATH": f"{bin_dir}{os.pathsep}{os.environ.get('PATH', '')}",
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            "DJANGO_SETTINGS_MODULE": "annotator.settings",
            "PYTHONUNBUFFERED": "1",
        }


def read_options() -> Options:
    """Read HOST, PORT and DATA_DIR; raise LaunchError for a value that cannot be used."""
    raw_port = os.environ.get("PORT", "").strip() or "8000"
    if not raw_port.isdigit() or not 1 <= int(raw_port) <= 65535:
        raise LaunchError(f"PORT={raw_port} is no port: give a whole number from 1 to 65535.")
    data_dir = Path(os.environ.get("DATA_DIR", "").strip() or default_data_dir()).expanduser().resolve()
    try:
        make_private(data_dir)
        make_private(data_dir / "logs")
    except OSError as error:
        raise LaunchError(f"DATA_DIR {data_dir} cannot be made or written: {error.strerror}.") from error
    if not os.access(data_dir, os.W_OK):
        raise LaunchError(f"DATA_DIR {data_dir} cannot be written: choose another folder, or make it writable.")
    return Options(host=os.environ.get("HOST", "").strip() or "127.0.0.1", port=int(raw_port), data_dir=data_dir)
