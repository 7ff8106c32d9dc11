"""The queue of a project: what waits, who works on what, how images are handed out; reviewing what was submitted."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotator.engine import review
from annotator.engine.models import Lease, Submission, Verdict, WorkEvent
from annotator.engine.options import Order, check_options, queue_options, review_options
from annotator.engine.queue import count_left_to_model, count_unprepared, take_next_review
from annotator.errors import AppError
from annotator.images.models import Image
from annotator.images.selectors import file_url
from annotator.images.tags import list_tags
from annotator.pages.access import person, project_context, project_page
from annotator.pages.progress import count_masks
from annotator.projects.access import Right
from annotator.projects.models import Project, Stage
from annotator.projects.selectors import count_by_project
from annotator.projects.services import update_project

SHOWN = 50
ORDER_WORDS = {
    Order.OLDEST: "Oldest first",
    Order.RANDOM: "Random",
    Order.UNCERTAIN: "Most uncertain first (lowest mean predicted IoU)",
    Order.FEWEST_MASKS: "Fewest masks first",
    Order.TAG: "Images with a tag first",
}
STAGE_WORDS = {
    Stage.ASSISTED_MANUAL: "Assisted manual",
    Stage.SEMI_AUTOMATIC: "Semi-automatic",
    Stage.FULLY_AUTOMATIC: "Fully automatic",
}


@project_page()
@require_http_methods(["GET", "HEAD", "POST"])
def queue_page(request: HttpRequest, project: Project) -> HttpResponse:
    """Show the queue; admins change stage, order and the share that is reviewed."""
    context = project_context(request, project, section="queue")
    if request.method == "POST":
        if not context["can_manage"]:
            return HttpResponse(status=403)
        _save_settings(request, project)
        return redirect("queue", project.pk)
    waiting = Submission.objects.filter(project=project, is_latest=True)
    counts = count_by_project([project.pk])[project.pk]
    left_to_model = count_left_to_model(project)
    figures = {
        "counts": counts,
        "to_do": counts["new"] - left_to_model,
        "left_to_model": left_to_model,
        "unprepared": count_unprepared(project),
        "waiting_for_review": waiting.filter(verdict=Verdict.WAITING).count(),
        "returned": _cards(waiting.filter(verdict=Verdict.RETURNED, user=person(request))),
        "leases": _leases(project) if context["can_manage"] else [],
        "skips": _skips(project) if context["can_manage"] else [],
        "queue": queue_options(project),
        "share_percent": round(100 * review_options(project).share),
        "orders": ORDER_WORDS.items(),
        "stages": STAGE_WORDS.items(),
        "tags": list_tags(project) if context["can_manage"] else [],
    }
    return render(request, "pages/queue.html", {**context, **figures})


@project_page(Right.REVIEW)
@require_safe
def review_page(request: HttpRequest, project: Project) -> HttpResponse:
    """Show what waits for review, oldest first."""
    waiting = Submission.objects.filter(project=project, is_latest=True, verdict=Verdict.WAITING)
    decided = Submission.objects.filter(project=project).exclude(reviewer=None).order_by("-reviewed_at")
    cards = _cards(waiting.order_by("created_at"))
    verdicts = decided.order_by().values("verdict").annotate(n=Count("pk"))
    context = {
        **project_context(request, project, section="review"),
        "cards": cards,
        "total": waiting.count(),
        "verdicts": {row["verdict"]: row["n"] for row in verdicts},
        "recent": decided.select_related("image", "user", "reviewer")[:10],
    }
    return render(request, "pages/review.html", context)


@project_page(Right.REVIEW)
@require_POST
def start_review(request: HttpRequest, project: Project) -> HttpResponse:
    """Take the next submitted image and open it in the workspace."""
    lease = take_next_review(project, person(request))
    if lease is None:
        messages.info(request, "Nothing waits for your review.")
        return redirect("review", project.pk)
    return redirect("workspace", project.pk, lease.image_id)


@project_page(Right.REVIEW)
@require_POST
def decide_review(request: HttpRequest, project: Project, image_id: int) -> HttpResponse:
    """Accept an image or send it back."""
    image = Image.objects.select_related("project").filter(project=project, pk=image_id).first()
    if image is None:
        raise Http404("There is no such image in this project.")
    verdict = Verdict.RETURNED if request.POST.get("verdict") == "returned" else Verdict.ACCEPTED
    comment = request.POST.get("comment", "")[:5000]
    try:
        row = review.review_image(image, person(request), verdict=verdict, comment=comment)
    except AppError as refusal:
        messages.error(request, refusal.message)
    else:
        words = {"accepted": "is accepted", "mended": "is accepted with your changes", "returned": "goes back"}
        messages.success(request, f"{image.name} {words[row.verdict]}.")
    return redirect("review", project.pk)


def _save_settings(request: HttpRequest, project: Project) -> None:
    post = request.POST
    try:
        percent = float(post.get("share_percent", "100"))
        settings = {
            "queue": check_options("queue", {"order": post.get("order", ""), "tag": post.get("tag", "").strip()[:50]}),
            "review": check_options("review", {"share": percent / 100}),
        }
        stage = post.get("stage", project.stage)
        if stage not in Stage.values:
            raise ValueError(stage)
    except (AppError, ValueError) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}")
        return
    update_project(project, changes={"settings": settings, "stage": stage})
    messages.success(request, "The queue's settings are saved. Images in somebody's hands keep their stage.")


def _cards(rows: QuerySet[Submission]) -> list[dict[str, Any]]:
    found = list(rows.select_related("image", "user")[:SHOWN])
    masks = count_masks([row.image_id for row in found])
    return [
        {
            "submission": row,
            "image": row.image,
            "thumbnail": file_url(row.image, "thumbnail"),
            "masks": masks.get(row.image_id, 0),
        }
        for row in found
    ]


def _leases(project: Project) -> QuerySet[Lease]:
    rows = Lease.objects.living().filter(image__project=project)
    return rows.select_related("image", "user").order_by("created_at")[:SHOWN]


def _skips(project: Project) -> QuerySet[WorkEvent]:
    rows = WorkEvent.objects.filter(project=project, kind="skipped").select_related("image", "user")
    return rows.order_by("-created_at")[:20]
