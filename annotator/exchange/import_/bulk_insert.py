"""Insert many rows with one prepared statement: what bulk_create costs most of is making models and parameters.

Rows that are there already (same key) are left as they are. Works on SQLite and PostgreSQL. Must not know: masks.
"""

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.utils import timezone


def insert_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows of values in the order of `columns` (attribute names such as image_id).

    JSON values are texts already; see to_json. Columns that are not named get their default, or the time of the call.
    """
    named = [_field(model, column) for column in columns]
    others = [field for field in model._meta.concrete_fields if field not in named and not field.primary_key]  # noqa: SLF001
    rest = [_default(field) for field in others]
    fields = named + others
    quote = connection.ops.quote_name
    names = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    table = quote(model._meta.db_table)  # noqa: SLF001
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608
    converters = [(place, convert) for place, field in enumerate(named) if (convert := _converter(field))]
    with connection.cursor() as cursor:
        cursor.executemany(statement, [_converted(row, converters) + rest for row in rows])


def to_json(value: object) -> str:
    """Return the text that a JSON column stores."""
    return json.dumps(value) if value != {} else "{}"


def _converted(row: Sequence[Any], converters: list[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    values = list(row)
    for place, convert in converters:
        if values[place] is not None:
            values[place] = convert(values[place])
    return values


def _default(field: models.Field[Any, Any]) -> Any:
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return connection.ops.adapt_datetimefield_value(timezone.now())
    return field.get_db_prep_save(field.get_default(), connection)


def _field(model: type[models.Model], attname: str) -> models.Field[Any, Any]:
    return next(field for field in model._meta.concrete_fields if field.attname == attname)  # noqa: SLF001


def _converter(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, models.UUIDField) and not connection.features.has_native_uuid_field:
        return _hex
    if isinstance(field, models.DateTimeField):
        return _adapt_time
    return None


def _hex(value: uuid.UUID) -> str:
    return value.hex


def _adapt_time(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)
