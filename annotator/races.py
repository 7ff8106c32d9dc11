"""Do a step once more when the database ended it in favour of another: a deadlock, or a row that went meanwhile.

Rows are locked in one order (images, masks by primary key, labels), which leaves few such cases; PostgreSQL checks
keys to other rows only at the end of a transaction, and whoever was second then finds the label or photo gone.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, connection

from annotator.faults import is_gone

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
_LOST_RACES = frozenset({"40P01", "40001"})  # deadlock, serialization failure


def once_more_after_race(step: Callable[P, T]) -> Callable[P, T]:
    """Return a service that is tried a second time, with rows as they are by then.

    Inside of another transaction nothing is tried again: the outermost one decides.
    """

    @wraps(step)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        if connection.in_atomic_block:
            return step(*args, **kwargs)
        try:
            return step(*args, **kwargs)
        except DatabaseError as error:
            if not _lost_race(error):
                raise
            logger.info("a step lost a race and is tried once more", extra={"step": step.__name__})
        return step(*args, **kwargs)

    return tried


def _lost_race(error: DatabaseError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in _LOST_RACES or is_gone(error)
