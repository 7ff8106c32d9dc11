"""Is the process alive, and is the whole able to work? Read by scripts and load balancers, so nobody signs in."""

import os
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from annotator.clock import is_recent
from annotator.faults import explain_fault
from annotator.full_disk import free_bytes
from annotator.inference.model_store import missing_files
from annotator.inference.models import TRAINER_IDS, ModelVersion, WorkerPulse
from annotator.inference.selectors import default_model_version

_migrated: set[str] = set()
_DATABASE_FAULTS = {
    "busy": "the database is busy",
    "disk_full": "the database's disk is full",
    "database_broken": "the database is damaged, read-only or out of reach",
}


@require_safe
def health_live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def health_ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, worker, model and space are there, else 503; `checks` says which is missing."""
    checks: dict[str, Any] = {"database": _check_database(), "disk": _check_disk()}
    if checks["database"] == "ok":
        checks |= _check_rows()
    is_ready = all(value == "ok" for value in checks.values())
    return JsonResponse({"status": "ok" if is_ready else "unready", "checks": checks}, status=200 if is_ready else 503)


def _check_database() -> str:
    try:
        connection.ensure_connection()
        is_current = _are_migrations_applied(str(connection.settings_dict["NAME"]))
        if is_current:
            ModelVersion.objects.exists()  # one page of the file is read, at least
    except (DatabaseError, InterfaceError) as error:
        return _name_fault(error)
    return "ok" if is_current else "migrations are waiting"


def _check_rows() -> dict[str, str]:
    try:
        return {"worker": _check_worker(), "model": _check_model()}
    except DatabaseError as error:
        return {"database": _name_fault(error)}


def _name_fault(error: Exception) -> str:
    fault = explain_fault(error)
    return _DATABASE_FAULTS.get(fault.code if fault else "", "the database cannot be used")


def _check_disk() -> str:
    try:
        free = free_bytes()
    except OSError:
        return "DATA_DIR cannot be read"
    if free < settings.MIN_FREE_BYTES:
        return f"the disk is full: {free >> 20} MB are free, and {settings.MIN_FREE_BYTES >> 20} MB are kept back"
    return "ok" if os.access(settings.DATA_DIR, os.W_OK) else "DATA_DIR cannot be written"


def _are_migrations_applied(database: str) -> bool:
    # Reading all migrations takes 100 ms and scripts ask every second; applied ones do not come undone.
    if database not in _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.add(database)
    return True


def _check_worker() -> str:
    living = is_recent("beat_at", timedelta(seconds=settings.WORKER_STALE_SECONDS))
    workers = WorkerPulse.objects.filter(living).exclude(worker_id__startswith=TRAINER_IDS)
    return "ok" if workers.exists() else "no worker is running"


def _check_model() -> str:
    version = default_model_version()
    if version is None:
        return f"model {settings.DEFAULT_MODEL} is not installed"
    missing = missing_files(version, {row["name"] for row in version.manifest.get("files", [])})
    return f"files of model {version.version} are missing: {', '.join(missing)}" if missing else "ok"
