"""A project's home: its images, adding more, and how far their embeddings are."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotator.engine.models import Lease
from annotator.engine.queue import take_next_image
from annotator.images.selectors import list_images
from annotator.pages.access import person, project_context, project_page
from annotator.pages.progress import count_masks, embedding_progress, image_states
from annotator.projects.access import Right
from annotator.projects.models import Project
from annotator.projects.selectors import count_by_project

PAGE_SIZE = 48
MAX_WATCHED = 200
FILTERS = [
    ("", "All"),
    ("new", "To do"),
    ("in_progress", "In progress"),
    ("submitted", "Submitted"),
    ("reviewed", "Reviewed"),
    ("waiting", "Waiting for embedding"),
    ("failed", "Failed"),
]


@project_page()
@require_safe
def project_home(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the images; htmx asks for the grid alone."""
    grid = _grid(request, project)
    if getattr(request, "htmx", False):
        return render(request, "pages/_grid.html", {**grid, "project": project})
    counts = count_by_project([project.pk])[project.pk]
    context = {
        **project_context(request, project, section="images"),
        **grid,
        "counts": counts,
        "embeddings": embedding_progress(project),
        "has_ingest_root": settings.INGEST_ROOT is not None,
        "max_megapixels": settings.MAX_IMAGE_MEGAPIXELS,
    }
    return render(request, "pages/project_home.html", context)


def _grid(request: HttpRequest, project: Project) -> dict[str, Any]:
    status, search = request.GET.get("status", ""), request.GET.get("search", "").strip()[:200]
    raw_page = request.GET.get("page", "1")
    page = int(raw_page) if raw_page.isdecimal() and len(raw_page) < 9 else 1
    found = list_images(project, page=page, page_size=PAGE_SIZE, status=status, search=search)
    masks = count_masks([row["id"] for row in found["items"]])
    items = [{**row, "masks": masks.get(row["id"], 0), "state": _state(row)} for row in found["items"]]
    pages = Paginator(range(found["total"]), PAGE_SIZE).get_page(page)
    query = {"items": items, "total": found["total"], "pages": pages, "status": status, "search": search}
    return {**query, "filters": FILTERS}


def _state(row: dict[str, Any]) -> str:
    if row["status"] == "failed":
        return "failed"
    return "pending" if row["embedding_status"] == "missing" else str(row["embedding_status"])


@project_page()
@require_safe
def progress(request: HttpRequest, project: Project) -> JsonResponse:
    """Return the embedding progress and the states of the images in `ids`, for the open page to poll."""
    ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal() and len(part) < 18]
    body = {**embedding_progress(project).as_dict(), "images": image_states(project, ids[:MAX_WATCHED])}
    return JsonResponse(body, headers={"Cache-Control": "no-store"})


@project_page(Right.ANNOTATE)
@require_POST
def start_annotating(request: HttpRequest, project: Project) -> HttpResponse:
    """Take the next image of the queue and open it."""
    lease: Lease | None = take_next_image(project, person(request))
    if lease is None:
        messages.info(request, "Nothing is left to do: every image is submitted or in somebody's hands.")
        return redirect("project", project.pk)
    return redirect("workspace", project.pk, lease.image_id)
