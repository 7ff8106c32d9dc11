"""The models that this server has."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Avg, Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotator.inference.models import EmbeddingStatus, ModelVersion


@login_required
@require_safe
def model_list(request: HttpRequest) -> HttpResponse:
    """Show each model version with its licence, its graphs' size and what was embedded with it."""
    is_ready = Q(embeddings__status=EmbeddingStatus.READY)
    versions = ModelVersion.objects.annotate(
        ready=Count("embeddings", filter=is_ready), encode_ms=Avg("embeddings__encode_ms", filter=is_ready)
    )
    rows: list[dict[str, Any]] = [{"version": row, "bytes": _graph_bytes(row), "is_default": False} for row in versions]
    newest = next((row for row in rows if row["version"].name == settings.DEFAULT_MODEL), None)
    if newest:
        newest["is_default"] = True
    return render(request, "pages/models.html", {"rows": rows, "nav": "models"})


def _graph_bytes(version: ModelVersion) -> int:
    return sum(row.get("bytes", 0) for row in version.manifest.get("files", []))
