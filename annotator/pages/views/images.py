"""A project's home: its images, adding more, and how far their embeddings are."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe

from annotator.automatic.prefill_requests import ask_for_suggestions
from annotator.errors import AppError, ConflictError
from annotator.images.holdings import count_holdings
from annotator.images.models import WorkStatus
from annotator.images.schemas import ImageRow
from annotator.images.selectors import BEGUN, list_images
from annotator.images.services import DELETED_AT_ONCE, delete_images
from annotator.images.tags import change_tag, list_tags
from annotator.intake.selectors import recent_intakes
from annotator.pages.access import Context, chosen_ids, person, project_context, project_page
from annotator.pages.numbers import read_number, read_numbers
from annotator.pages.progress import embedding_progress, image_states
from annotator.projects.access import Right
from annotator.projects.models import Project
from annotator.projects.selectors import count_by_project
from annotator.queue.models import Lease
from annotator.queue.next_image import count_left_to_model, take_next_image

PAGE_SIZE = 48
MAX_WATCHED = 200
NAMED = 5
SHOWN = ("status_shown", "search_shown", "tag_shown", "page_shown")  # the filters of the grid that a form came from
FILTERS = [
    ("", gettext_lazy("All")),
    ("new", gettext_lazy("To do")),
    ("begun", gettext_lazy("Begun")),
    ("in_progress", gettext_lazy("In progress")),
    ("submitted", gettext_lazy("Submitted")),
    ("reviewed", gettext_lazy("Reviewed")),
    ("waiting", gettext_lazy("Waiting for embedding")),
    ("failed", gettext_lazy("Failed")),
]


@project_page()
@require_safe
def project_home(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the images; htmx asks for the grid alone."""
    context: Context = {**project_context(request, project, section="images"), **_grid(request, project)}
    if getattr(request, "htmx", False):
        return render(request, "pages/_grid.html", context)
    counts = count_by_project([project.pk])[project.pk]
    context |= {
        "counts": counts,
        "embeddings": embedding_progress(project),
        "has_ingest_root": settings.INGEST_ROOT is not None,
        "max_megapixels": settings.MAX_IMAGE_MEGAPIXELS,
        "tags": list_tags(project),
        "intakes": recent_intakes(project),
    }
    return render(request, "pages/project_home.html", context)


def _grid(request: HttpRequest, project: Project) -> Context:
    status, search = request.GET.get("status", ""), request.GET.get("search", "").strip()[:200]
    tag = request.GET.get("tag", "").strip()[:50]
    raw_page = request.GET.get("page", "1")
    page = int(raw_page) if raw_page.isdecimal() and len(raw_page) < 9 else 1
    found = list_images(project, page=page, page_size=PAGE_SIZE, status=status, search=search, tag=tag)
    states = image_states(project, [row["id"] for row in found["items"]])
    items = [_with_state(row, states[row["id"]]) for row in found["items"]]
    pages = Paginator(range(found["total"]), PAGE_SIZE).get_page(page)
    chosen = {"status": status, "search": search, "tag": tag}
    query = urlencode({name: value for name, value in chosen.items() if value})
    return {"items": items, "total": found["total"], "pages": pages, **chosen, "query": query, "filters": FILTERS}


def _with_state(row: ImageRow, state: dict[str, object]) -> Context:
    is_begun = row["work_status"] == WorkStatus.NEW and state["masks"]
    return {**row, **state, "shown_status": BEGUN if is_begun else row["work_status"]}


@project_page()
@require_safe
def progress(request: HttpRequest, project: Project) -> JsonResponse:
    """Return the embedding progress and the states of the images in `ids`, for the open page to poll."""
    ids = read_numbers(request.GET.get("ids", "").split(","))
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
        messages.success(request, _what_was_tagged(count, is_added=is_added) % {"n": f"{count:,}", "tag": tag})
    return redirect(_where_that_was(request, project))


def _where_that_was(request: HttpRequest, project: Project) -> str:
    kept = {name: request.POST.get(name, "") for name in SHOWN}
    query = urlencode({name.removesuffix("_shown"): value for name, value in kept.items() if value})
    return f"{reverse('project', args=[project.pk])}{'?' if query else ''}{query}"


def _what_was_tagged(count: int, *, is_added: bool) -> str:
    if is_added:
        return ngettext("%(n)s image now has the tag “%(tag)s”.", "%(n)s images now have the tag “%(tag)s”.", count)
    return ngettext(
        "%(n)s image no longer has the tag “%(tag)s”.", "%(n)s images no longer have the tag “%(tag)s”.", count
    )


@project_page(Right.MANAGE)
@require_POST
def delete_chosen(request: HttpRequest, project: Project) -> HttpResponse:
    """Say what the chosen images hold, and delete them once the answer names as many masks as they hold."""
    ids = list(project.images.filter(pk__in=chosen_ids(request)[: DELETED_AT_ONCE + 1]).values_list("pk", flat=True))
    agreed = read_number(request.POST.get("masks", ""))
    if ids and agreed is None:
        return _ask_before_deleting(request, project, ids)
    try:
        count = delete_images(project, ids, masks=agreed or 0)
    except ConflictError:
        messages.warning(request, _("Masks arrived meanwhile. What is listed here is still there."))
        left = list(project.images.filter(pk__in=ids).values_list("pk", flat=True))
        return _ask_before_deleting(request, project, left)
    except AppError as refusal:
        messages.error(request, refusal.message)
    else:
        sentence = ngettext("%(n)s image is deleted for good.", "%(n)s images are deleted for good.", count)
        messages.success(request, sentence % {"n": f"{count:,}"})
    return redirect(_where_that_was(request, project))


def _ask_before_deleting(request: HttpRequest, project: Project, ids: list[int]) -> HttpResponse:
    if len(ids) > DELETED_AT_ONCE:
        messages.error(
            request, _("Choose 1 to %(max_images_at_once)s images.") % {"max_images_at_once": DELETED_AT_ONCE}
        )
        return redirect(_where_that_was(request, project))
    names = project.images.filter(pk__in=ids).values_list("name", flat=True)
    shown = {name: request.POST.get(name, "") for name in SHOWN}
    context: Context = {"ids": ids, "names": names[:NAMED], "held": count_holdings(ids), "shown": shown}
    context |= {"back": _where_that_was(request, project), "unnamed": max(0, len(ids) - NAMED)}
    return render(request, "pages/images_delete.html", project_context(request, project, section="images") | context)


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
        return _("Nothing is left to do: this stage leaves images to the model, but for a sample that people correct.")
    if not unprepared:
        return _("Nothing is left to do: every image is submitted, in somebody's hands, or one that you skipped.")
    sentence = ngettext(
        "%(n)s image waits for the model's suggestions, which are being made. Start again in a moment.",
        "%(n)s images wait for the model's suggestions, which are being made. Start again in a moment.",
        unprepared,
    )
    return sentence % {"n": unprepared}
