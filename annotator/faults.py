"""What is behind an error that no service foresaw: a full disk, a database that is busy or broken, a row that has gone.

Three things with three answers. Busy passes by itself. A full disk needs space. A database that is damaged, read-only
or out of reach needs the person who runs the server. A row that somebody deleted in the middle of a request is no crash
either: foreign keys, and updates of nothing, say so.
"""

from http import HTTPStatus

import psycopg
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, connection
from django.utils.translation import gettext as _

from annotator.errors import AppError, MissingError
from annotator.full_disk import DiskFullError, is_disk_full

BUSY_RETRY_SECONDS = 5
_PROBE_SECONDS = 2
_POSTGRESQL_NO_PARENT = "23503"
_SQLITE_NO_PARENT = "FOREIGN KEY constraint failed"
_NOTHING_UPDATED = "did not affect any rows."  # Django's own words about a row that has gone
_SQLITE_MISTAKES = ("no such ", "near ", "too many SQL variables")  # ours, not the database's
_SQLITE_BROKEN = (
    "disk image is malformed", "file is not a database", "disk i/o error", "unable to open database file",
    "readonly database",
)  # fmt: skip
# Deadlock, lock not available, query cancelled, serialization failure, too many connections, starting up.
_POSTGRESQL_BUSY = frozenset({"40P01", "55P03", "57014", "40001", "53300", "57P03"})
# Connection lost, shut down, damaged data, read-only.
_POSTGRESQL_BROKEN = ("08", "57P01", "57P02", "58", "XX", "25006")


class BusyError(AppError):
    """Others hold the database for longer than anybody waits; the same request goes through in a moment."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "busy"


class BrokenDatabaseError(AppError):
    """The database cannot be reached, read or written, and waiting does not help."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "database_broken"


def explain_fault(error: BaseException | None) -> AppError | None:
    """Return what to tell people about an error; None where it is none of these faults."""
    if error is None:
        return None
    if is_disk_full(error):
        return DiskFullError()
    if is_gone(error):
        return MissingError(_("It was deleted meanwhile. What is not saved of it is kept in your browser."))
    if isinstance(error, OverflowError | DataError):
        return MissingError(_("There is no such thing."))
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    if is_broken(error):
        return BrokenDatabaseError(
            _(
                "The database cannot be used: it is damaged, read-only or out of reach. "
                "Tell the person who runs the server; nothing more is stored until it is mended."
            )
        )
    return BusyError(_("The database is busy. Try again in a moment.")) if is_busy(error) else None


def is_gone(error: BaseException) -> bool:
    """Say whether an error means that somebody deleted a row between two steps of a request."""
    if isinstance(error, IntegrityError):
        return _state_of(error) == _POSTGRESQL_NO_PARENT or str(error) == _SQLITE_NO_PARENT
    if isinstance(error, DatabaseError):
        return str(error).endswith(_NOTHING_UPDATED)
    return isinstance(error, ObjectDoesNotExist)


def is_broken(error: BaseException) -> bool:
    """Say whether a database error means that the database cannot be used."""
    state = _state_of(error)
    if state:
        return state.startswith(_POSTGRESQL_BROKEN)
    if connection.vendor == "postgresql":
        return isinstance(error, OperationalError | InterfaceError) and not _answers()
    return any(words in str(error).lower() for words in _SQLITE_BROKEN)


def is_busy(error: BaseException) -> bool:
    """Say whether a database error passes by itself, such as a lock, or a pool all of whose connections are in use."""
    state = _state_of(error)
    if state:
        return state in _POSTGRESQL_BUSY
    return isinstance(error, OperationalError | InterfaceError) and not str(error).startswith(_SQLITE_MISTAKES)


def _state_of(error: BaseException) -> str:
    return str(getattr(error.__cause__, "sqlstate", None) or "")


def _answers() -> bool:
    """Say whether PostgreSQL takes a connection. A pool says only that it waited; this says for what."""
    parameters = {**connection.get_connection_params(), "connect_timeout": _PROBE_SECONDS}
    try:
        psycopg.connect(**parameters).close()
    except psycopg.OperationalError as error:
        return "too many" in str(error) or "starting up" in str(error)
    return True
