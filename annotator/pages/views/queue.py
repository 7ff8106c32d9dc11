"""The queue of a project: what waits, who works on what, how images are handed out; reviewing what was submitted."""

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotator.automatic.selectors import count_unprepared
from annotator.errors import AppError
from annotator.images.models import Image
from annotator.images.selectors import file_url
from annotator.images.tags import list_tags
from annotator.pages.access import Context, person, project_context, project_page
from annotator.pages.progress import count_masks
from annotator.projects.access import Right
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Project, Stage
from annotator.projects.options import check_options
from annotator.projects.selectors import count_by_project
from annotator.projects.services import update_project
from annotator.queue import review
from annotator.queue.models import Lease, Submission, Verdict, WorkEvent
from annotator.queue.next_image import count_begun, count_left_to_model, take_next_review
from annotator.queue.options import Order, QueueOptions, ReviewOptions, queue_options, review_options

SHOWN = 50
ORDER_WORDS = {
    Order.OLDEST: gettext_lazy("Oldest first"),
    Order.RANDOM: gettext_lazy("Random"),
    Order.UNCERTAIN: gettext_lazy("Most uncertain first (lowest mean predicted IoU)"),
    Order.FEWEST_MASKS: gettext_lazy("Fewest masks first"),
    Order.TAG: gettext_lazy("Images with a tag first"),
}
VERDICT_SENTENCES = {
    Verdict.ACCEPTED.value: gettext_lazy("%(name)s is accepted."),
    Verdict.MENDED.value: gettext_lazy("%(name)s is accepted with your changes."),
    Verdict.RETURNED.value: gettext_lazy("%(name)s goes back."),
}
STAGE_WORDS = {
    Stage.ASSISTED_MANUAL: gettext_lazy("Assisted manual"),
    Stage.SEMI_AUTOMATIC: gettext_lazy("Semi-automatic"),
    Stage.FULLY_AUTOMATIC: gettext_lazy("Fully automatic"),
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
    left_to_model, begun = count_left_to_model(project), count_begun(project)
    figures = {
        "counts": counts,
        "to_do": counts["new"] - left_to_model - begun,
        "begun": begun,
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
        messages.info(request, _("Nothing waits for your review."))
        return redirect("review", project.pk)
    return redirect("workspace", project.pk, lease.image_id)


@project_page(Right.REVIEW)
@require_POST
def decide_review(request: HttpRequest, project: Project, image_id: int) -> HttpResponse:
    """Accept an image or send it back."""
    image = Image.objects.select_related("project").filter(project=project, pk=image_id).first()
    if image is None:
        raise Http404(_("There is no such image in this project."))
    verdict = Verdict.RETURNED if request.POST.get("verdict") == "returned" else Verdict.ACCEPTED
    comment = request.POST.get("comment", "")[:5000]
    try:
        row = review.review_image(image, person(request), verdict=verdict, comment=comment)
    except AppError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, VERDICT_SENTENCES[row.verdict] % {"name": image.name})
    return redirect("review", project.pk)


def _save_settings(request: HttpRequest, project: Project) -> None:
    post = request.POST
    try:
        percent = float(post.get("share_percent", "100"))
        order = {"order": post.get("order", ""), "tag": post.get("tag", "").strip()[:50]}
        settings = {
            "queue": check_options(QueueOptions, order),
            "review": check_options(ReviewOptions, {"share": percent / 100}),
        }
        stage = post.get("stage", project.stage)
        if stage not in Stage.values:
            raise ValueError(stage)
    except (AppError, ValueError) as refusal:
        messages.error(request, _("Nothing was changed: %(reason)s") % {"reason": refusal})
        return
    update_project(project, ProjectChanges(settings=settings, stage=stage))
    messages.success(request, _("The queue's settings are saved. Images in somebody's hands keep their stage."))


def _cards(rows: QuerySet[Submission]) -> list[Context]:
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
