"""Is the process alive, and is the whole able to work? Read by scripts and load balancers, so nobody signs in."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from annotator.inference.models import ModelVersion, WorkerPulse

_migrated: set[str] = set()


@require_safe
def health_live(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@require_safe
def health_ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, worker and model are there, else 503; `checks` says which is missing."""
    checks: dict[str, Any] = {"database": _check_database()}
    if checks["database"] == "ok":
        checks["worker"] = _check_worker()
        checks["model"] = _check_model()
    is_ready = all(value == "ok" for value in checks.values())
    return JsonResponse({"status": "ok" if is_ready else "unready", "checks": checks}, status=200 if is_ready else 503)


def _check_database() -> str:
    try:
        connection.ensure_connection()
        is_current = _are_migrations_applied(str(connection.settings_dict["NAME"]))
    except DatabaseError:
        return "the database cannot be reached"
    return "ok" if is_current else "migrations are waiting"


def _are_migrations_applied(database: str) -> bool:
    # Reading all migrations takes 100 ms and scripts ask every second; applied ones do not come undone.
    if database not in _migrated:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.add(database)
    return True


def _check_worker() -> str:
    oldest = timezone.now() - timedelta(seconds=settings.WORKER_STALE_SECONDS)
    return "ok" if WorkerPulse.objects.filter(beat_at__gte=oldest).exists() else "no worker is running"


def _check_model() -> str:
    version = ModelVersion.objects.filter(name=settings.DEFAULT_MODEL).first()
    if version is None:
        return f"model {settings.DEFAULT_MODEL} is not synced"
    folder = Path(settings.MODELS_DIR) / version.version
    names = [row["name"] for row in version.manifest.get("files", [])]
    missing = [name for name in names if not (folder / name).is_file()]
    return f"files of model {version.version} are missing: {', '.join(missing)}" if missing else "ok"
