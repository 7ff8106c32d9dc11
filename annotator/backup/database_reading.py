"""What is read of a database beside its copy: rows by table, applied migrations, names of files. On either kind."""

import json
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import FileField

from annotator.inference.model_store import StoredFile, blob_name

ROWS_AT_ONCE = 5000


def count_rows(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Return the number of rows of every table."""
    counts = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
            counts[table] = int(cursor.fetchone()[0])
    return counts


def list_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Return what was applied, as "app.name"; nothing for an empty database."""
    with connection.cursor() as cursor:
        if "django_migrations" not in connection.introspection.table_names(cursor):
            return []
        cursor.execute("SELECT app, name FROM django_migrations ORDER BY id")
        return [f"{app}.{name}" for app, name in cursor.fetchall()]


def count_projects(connection: BaseDatabaseWrapper) -> int:
    """Return the number of projects; 0 for an empty database."""
    with connection.cursor() as cursor:
        if "projects_project" not in connection.introspection.table_names(cursor):
            return 0
        cursor.execute("SELECT COUNT(*) FROM projects_project")
        return int(cursor.fetchone()[0])


def list_file_names(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield the name of every file that a row names, a chunk of rows at a time."""
    for model in apps.get_models():
        about = model._meta  # noqa: SLF001 (Django's documented door)
        for field in about.concrete_fields:
            if isinstance(field, FileField):
                yield from _names_in(connection, about.db_table, str(about.pk.column), str(field.column))
    yield from {blob_name(file["sha256"]) for files in model_file_lists(connection) for file in files}


def model_file_lists(connection: BaseDatabaseWrapper) -> list[list[StoredFile]]:
    """Return the files of each model version; a list is empty where an older version of the product kept no list."""
    if not _has_column(connection, "inference_modelversion", "files"):
        return [[]]
    with connection.cursor() as cursor:
        cursor.execute("SELECT files FROM inference_modelversion")
        return [json.loads(value) if isinstance(value, str) else value for (value,) in cursor.fetchall()]


def _has_column(connection: BaseDatabaseWrapper, table: str, column: str) -> bool:
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return False
        return column in {row.name for row in connection.introspection.get_table_description(cursor, table)}


def _names_in(connection: BaseDatabaseWrapper, table: str, key: str, column: str) -> Iterator[str]:
    if not _has_column(connection, table, column):
        return
    quote = connection.ops.quote_name
    start = f"SELECT {quote(key)}, {quote(column)} FROM {quote(table)} WHERE {quote(column)} <> ''"  # noqa: S608
    end = f" ORDER BY {quote(key)} LIMIT {ROWS_AT_ONCE}"
    last: list[Any] = []
    while True:
        with connection.cursor() as cursor:
            cursor.execute(start + (f" AND {quote(key)} > %s" if last else "") + end, last)
            rows = cursor.fetchall()
        yield from (str(name) for _key, name in rows)
        if len(rows) < ROWS_AT_ONCE:
            return
        last = [rows[-1][0]]
