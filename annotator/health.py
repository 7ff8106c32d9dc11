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
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "the database cannot be reached"
    return "migrations are waiting" if waiting else "ok"


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
