"""A project's home: its images, adding more, and how far their embeddings are."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from annotator.engine.models import Lease
from annotator.engine.prefill_requests import ask_for_suggestions
from annotator.engine.queue import count_left_to_model, take_next_image
from annotator.errors import AppError
from annotator.images.selectors import list_images
from annotator.images.tags import change_tag, list_tags
from annotator.pages.access import chosen_ids, person, project_context, project_page
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
        "tags": list_tags(project),
    }
    return render(request, "pages/project_home.html", context)


def _grid(request: HttpRequest, project: Project) -> dict[str, Any]:
    status, search = request.GET.get("status", ""), request.GET.get("search", "").strip()[:200]
    tag = request.GET.get("tag", "").strip()[:50]
    raw_page = request.GET.get("page", "1")
    page = int(raw_page) if raw_page.isdecimal() and len(raw_page) < 9 else 1
    found = list_images(project, page=page, page_size=PAGE_SIZE, status=status, search=search, tag=tag)
    states = image_states(project, [row["id"] for row in found["items"]])
    items = [{**row, **states[row["id"]]} for row in found["items"]]
    pages = Paginator(range(found["total"]), PAGE_SIZE).get_page(page)
    chosen = {"status": status, "search": search, "tag": tag}
    query = urlencode({name: value for name, value in chosen.items() if value})
    return {"items": items, "total": found["total"], "pages": pages, **chosen, "query": query, "filters": FILTERS}


@project_page()
@require_safe
def progress(request: HttpRequest, project: Project) -> JsonResponse:
    """Return the embedding progress and the states of the images in `ids`, for the open page to poll."""
    ids = [int(part) for part in request.GET.get("ids", "").split(",") if part.isdecimal() and len(part) < 18]
    body = {**embedding_progress(project).as_dict(), "images": image_states(project, ids[:MAX_WATCHED])}
    return JsonResponse(body, headers={"Cache-Control": "no-store"})


@project_page(Right.MANAGE)
@require_POST
def tag_images(request: HttpRequest, project: Project) -> HttpResponse:
    """Put a tag on the chosen images, or take it off, and show the same images again."""
    tag, is_added = request.POST.get("tag", "").strip(), request.POST.get("action") != "remove"
    try:
        count = change_tag(project, chosen_ids(request), tag=tag, is_added=is_added)
    except AppError as refusal:
        messages.error(request, refusal.message)
    else:
        who = "1 image" if count == 1 else f"{count:,} images"
        have = ("now has" if count == 1 else "now have") if is_added else f"no longer {'has' if count == 1 else 'have'}"
        messages.success(request, f"{who} {have} the tag “{tag}”.")
    kept = {name: request.POST.get(f"{name}_shown", "") for name in ("status", "search", "tag", "page")}
    query = urlencode({name: value for name, value in kept.items() if value})
    return redirect(f"{reverse('project', args=[project.pk])}{'?' if query else ''}{query}")


@project_page(Right.ANNOTATE)
@require_POST
def start_annotating(request: HttpRequest, project: Project) -> HttpResponse:
    """Take the next image of the queue and open it."""
    lease: Lease | None = take_next_image(project, person(request))
    unprepared = ask_for_suggestions(project)
    if lease is None:
        messages.info(request, _why_nothing(project, unprepared))
        return redirect("project", project.pk)
    return redirect("workspace", project.pk, lease.image_id)


def _why_nothing(project: Project, unprepared: int) -> str:
    if count_left_to_model(project):
        return "Nothing is left to do: this stage leaves images to the model, but for a sample that people correct."
    if not unprepared:
        return "Nothing is left to do: every image is submitted, in somebody's hands, or one that you skipped."
    what = "1 image waits" if unprepared == 1 else f"{unprepared} images wait"
    return f"{what} for the model's suggestions, which are being made. Start again in a moment."
