"""The table of formats: each folder of annotator/exchange/formats with a spec.py is one, found by itself.

Writers and readers are loaded by name when they are needed: a process that lists the formats reads their specs alone,
and nothing else imports a format.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from django.utils.module_loading import import_string

from annotator.exchange.format_spec import FormatSpec

if TYPE_CHECKING:
    from annotator.exchange.base.reading import Reader
    from annotator.exchange.base.writing import Writer

FORMATS = "annotator.exchange.formats"


def _find_specs() -> dict[str, FormatSpec]:
    folders = [folder for folder in iter_modules(import_module(FORMATS).__path__) if folder.ispkg]
    found = [import_module(f"{FORMATS}.{folder.name}.spec") for folder in folders]
    specs: list[FormatSpec] = [spec for module in found for spec in module.SPECS]
    return {spec.name: spec for spec in sorted(specs, key=lambda spec: (spec.rank, spec.name))}


SPECS = _find_specs()
WRITTEN = tuple(spec.name for spec in SPECS.values() if spec.writer)
READ = tuple(spec.name for spec in SPECS.values() if spec.reader)


def formats_with(option: str) -> str:
    """Return the names of the formats that have an option of ExportOptions, for people to read."""
    return ", ".join(spec.name for spec in SPECS.values() if option in spec.options)


def load_writer(name: str) -> "type[Writer]":
    """Return the writer of one of WRITTEN."""
    found: type[Writer] = import_string(SPECS[name].writer)
    return found


def load_reader(name: str) -> "type[Reader]":
    """Return the reader of one of READ."""
    found: type[Reader] = import_string(SPECS[name].reader)
    return found
