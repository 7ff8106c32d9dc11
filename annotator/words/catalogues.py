"""From the catalogues that people edit (annotator/locale/*.po) to those that Django reads (DATA_DIR/locale/*.mo).

Runs at the start of every process and does nothing when no catalogue changed. Written to DATA_DIR because the program's
own folder may be read-only; a folder that cannot be written costs the translation, never the start.
"""

import hashlib
import io
import logging
import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from django.conf import settings

logger = logging.getLogger("annotator.words")
SOURCE_DIR = Path(__file__).resolve().parent.parent / "locale"
DOMAINS = ("django", "djangojs")


def source_files() -> Iterator[Path]:
    """Yield the catalogues of every language."""
    for domain in DOMAINS:
        yield from sorted(SOURCE_DIR.glob(f"*/LC_MESSAGES/{domain}.po"))


def compile_changed(target: Path | None = None) -> list[Path]:
    """Compile each catalogue whose source is another than last time; return the files written."""
    folder = target or settings.LOCALE_PATHS[0]
    written = []
    for source in source_files():
        file = folder / source.relative_to(SOURCE_DIR).with_suffix(".mo")
        try:
            if _compile(source, file):
                written.append(file)
        except OSError as error:
            logger.warning("texts stay untranslated", extra={"file": str(file), "reason": str(error)})
    return written


def _compile(source: Path, file: Path) -> bool:
    """Write one compiled catalogue, atomically: web server and workers start at the same time."""
    text = source.read_bytes()
    stamp = file.with_suffix(".source")
    digest = hashlib.sha256(text).hexdigest()
    if file.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == digest:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, compile_catalogue(text))
    _replace(stamp, digest.encode("ascii"))
    return True


def compile_catalogue(text: bytes) -> bytes:
    """Return the compiled form of a .po file. Babel is loaded only where there is something to compile."""
    catalogue = import_module("babel.messages.pofile").read_po(io.BytesIO(text))
    out = io.BytesIO()
    import_module("babel.messages.mofile").write_mo(out, catalogue)
    return out.getvalue()


def _replace(file: Path, content: bytes) -> None:
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(file)


def read_texts(domain: str) -> list[str]:
    """Return every text of a domain as the code has it, without its plural."""
    source = next(file for file in source_files() if file.stem == domain)
    catalogue = import_module("babel.messages.pofile").read_po(io.BytesIO(source.read_bytes()))
    return [message.id[0] if isinstance(message.id, tuple) else message.id for message in catalogue if message.id]
