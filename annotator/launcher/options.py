"""What the person or a script may choose, by environment variable."""

import os
from dataclasses import dataclass
from pathlib import Path

from annotator.launcher.problems import LaunchError

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
    data_dir = Path(os.environ.get("DATA_DIR", "").strip() or ROOT / "data").expanduser().resolve()
    try:
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LaunchError(f"DATA_DIR {data_dir} cannot be made or written: {error.strerror}.") from error
    return Options(host=os.environ.get("HOST", "").strip() or "127.0.0.1", port=int(raw_port), data_dir=data_dir)
