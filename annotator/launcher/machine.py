"""Is this machine able to start? Disk and port, before anything is done."""

import errno
import shutil
import socket
from pathlib import Path

from annotator.launcher.problems import LaunchError

# Measured: a virtual environment with torch's CPU build has 2.1 GB; its CUDA build on Linux has about 6 GB.
FIRST_START_BYTES = 4 * 1024**3
LATER_START_BYTES = 256 * 1024**2


def check_disk(folder: Path, *, needed_bytes: int) -> None:
    """Raise LaunchError when the disk under `folder` has too little room."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise LaunchError(
            f"Too little disk: {folder} has {free / 1024**3:.1f} GB free and "
            f"{needed_bytes / 1024**3:.1f} GB are needed."
        )


def check_port(host: str, port: int) -> None:
    """Raise LaunchError when nothing can listen there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise LaunchError(_describe_port(host, port, error)) from error


def _describe_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 8000
        return f"Port {port} is in use by another program: stop it, or choose another port: PORT={other} make run"
    if error.errno == errno.EACCES:
        return f"Port {port} may only be used by root: choose one above 1023: PORT=8000 make run"
    return f"Nothing can listen on {host}:{port}: {error.strerror}."
