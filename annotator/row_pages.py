"""Rows read a page at a time, for loops that write in between. Knows no model.

An open cursor (`QuerySet.iterator`) is a view of the database as it was. On SQLite no write may begin on that
connection once somebody else has written: it fails at once with "database is locked", however long it would wait.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

T = TypeVar("T", bound=Model)


def read_in_pages(rows: QuerySet[T], *, size: int) -> Iterator[T]:
    """Yield the rows by rising primary key, `size` read at a time; no cursor is open while the caller has them."""
    ordered = rows.order_by("pk")
    page = list(ordered[:size])
    while page:
        yield from page
        last: Any = page[-1].pk
        page = list(ordered.filter(pk__gt=last)[:size]) if len(page) == size else []
