"""A project's home: its images, adding more, and how far their embeddings are."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from annotator.engine.models import Lease
from annotator.engine.prefill_requests import ask_for_suggestions
from annotator.engine.queue import take_next_image
from annotator.images.selectors import list_images
from annotator.pages.access import person, project_context, project_page
from annotator.pages.progress import embedding_progress, image_states
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
    context: dict[str, Any] = {**project_context(request, project, section="images"), **_grid(request, project)}
    if getattr(request, "htmx", False):
        return render(request, "pages/_grid.html", context)
    counts = count_by_project([project.pk])[project.pk]
    context |= {
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
    states = image_states(project, [row["id"] for row in found["items"]])
    items = [{**row, **states[row["id"]]} for row in found["items"]]
    pages = Paginator(range(found["total"]), PAGE_SIZE).get_page(page)
    query = {"items": items, "total": found["total"], "pages": pages, "status": status, "search": search}
    return {**query, "filters": FILTERS}


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
    unprepared = ask_for_suggestions(project)
    if lease is None:
        messages.info(request, _why_nothing(unprepared))
        return redirect("project", project.pk)
    return redirect("workspace", project.pk, lease.image_id)


def _why_nothing(unprepared: int) -> str:
    if not unprepared:
        return "Nothing is left to do: every image is submitted or in somebody's hands."
    what = "1 image waits" if unprepared == 1 else f"{unprepared} images wait"
    return f"{what} for the model's suggestions, which are being made. Start again in a moment."
