"""The default file storage: like Django's, but a file is either whole or absent.

Names are content-addressed, so writing the same name twice writes the same bytes and may replace the file.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class AtomicFileSystemStorage(FileSystemStorage):
    """Write to a temporary file beside the target, flush, then rename."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Keep the name: equal names mean equal content here."""
        return name

    def _save(self, name: str, content: File) -> str:  # type: ignore[type-arg]
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as out:
                for chunk in content.chunks():
                    out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return str(name).replace("\\", "/")

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Keep the location out of migrations."""
        return "annotator.storage.AtomicFileSystemStorage", [], {}
