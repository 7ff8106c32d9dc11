"""Groups of a project's settings as dataclasses: a room declares its group, and reads and checks it through here.

A group lies in `project.settings` under its name, so that the API's merge reaches it.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypeVar

from django.utils.translation import gettext as _

from annotator.errors import InvalidError


@dataclass(frozen=True)
class Options:
    """One group of settings with their defaults; `group` is its name."""

    group: ClassVar[str]

    def problem(self) -> str:
        """Say what cannot be used, or nothing."""
        return ""


T = TypeVar("T", bound=Options)


def read_options(kind: type[T], stored: Any) -> T:
    """Return a group as it is stored; a value that cannot be used is the default."""
    if not isinstance(stored, dict):
        return kind()
    known = _types_of(kind)
    options = kind(**{name: value for name, value in stored.items() if name in known and _fits(value, known[name])})
    return kind() if options.problem() else options


def check_options(kind: type[Options], values: dict[str, Any]) -> dict[str, Any]:
    """Return a whole, usable group of settings; raise InvalidError (`bad_setting`) for what cannot be used."""
    known = _types_of(kind)
    for name, value in values.items():
        if name not in known or not _fits(value, known[name]):
            raise InvalidError(
                _("%(group)s.%(name)s cannot be “%(value)s”.") % {"group": kind.group, "name": name, "value": value},
                code="bad_setting",
            )
    options = kind(**values)
    if problem := options.problem():
        raise InvalidError(_("%(group)s: %(problem)s.") % {"group": kind.group, "problem": problem}, code="bad_setting")
    return asdict(options)


def _types_of(kind: type[Options]) -> dict[str, type]:
    return {field.name: type(field.default) for field in fields(kind)}


def _fits(value: Any, wanted: type) -> bool:
    if isinstance(value, bool):
        return False
    if wanted is float:
        return isinstance(value, int | float)
    return isinstance(value, str if issubclass(wanted, str) else wanted)
