"""Improve: what a project's model would learn from, how far a run is, what came of it, and the choice that follows."""

from collections.abc import Callable
from datetime import UTC, datetime, time

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from annotator.errors import AppError
from annotator.inference.selectors import model_version_of
from annotator.jobs.models import JobStatus
from annotator.pages.access import Context, person, project_context, project_page
from annotator.pages.numbers import read_day, read_number, read_numbers
from annotator.pages.templatetags.pages import image_count
from annotator.projects.access import Right, require_right
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Project
from annotator.projects.options import check_options
from annotator.projects.services import update_project
from annotator.training import improvements, snapshots
from annotator.training.comparison import Change, Group, read_comparison
from annotator.training.improvement_options import USUAL_MINUTES, ImprovementOptions, improvement_options
from annotator.training.models import Improvement

Action = Callable[[HttpRequest, Project], str]
Words = str | Promise
MINUTES = (5, 15, 30, 60, 120, 240)
RECIPE_WORDS: dict[str, Words] = {
    "": gettext_lazy("Chosen by the number of masks"),
    "decoder": gettext_lazy("Mask decoder only: quickest"),
    "neck": gettext_lazy("Neck and decoder"),
    "whole": gettext_lazy("The whole model: wants many masks"),
    "adapters": gettext_lazy("Adapters in a large encoder: wants a graphics card"),
}
DECISION_ROWS = ((0, gettext_lazy("First click")), (2, gettext_lazy("3 clicks")), (4, gettext_lazy("5 clicks")))
ROWS_SHOWN = 12
THIRD = 2  # in a list of IoU after 1, 2, 3, ... clicks


@project_page()
@require_http_methods(["GET", "HEAD", "POST"])
def improve(request: HttpRequest, project: Project) -> HttpResponse:
    """Show runs and what is known of them; each button of the page posts an `action`, admins' alone."""
    if request.method == "POST":
        require_right(person(request), project.pk, right=Right.MANAGE)
        try:
            messages.success(request, ACTIONS.get(request.POST.get("action", ""), _unknown)(request, project))
        except (AppError, ValueError) as refusal:
            messages.error(request, str(refusal))
        return redirect("improve", project.pk)
    context = project_context(request, project, section="improve")
    rows = list(improvements.improvement_rows().filter(project=project)[: improvements.SHOWN])
    can_roll_back, before = improvements.version_before(project)
    shown: Context = {
        "version": model_version_of(project),
        "can_roll_back": can_roll_back,
        "before": before,
        "rows": [_describe(row, project) for row in rows],
        "current": _describe(rows[0], project, is_whole=True) if rows else None,
        **(_order_context(project) if context["can_manage"] else {}),
    }
    return render(request, "pages/improve.html", {**context, **shown})


def _order_context(project: Project) -> Context:
    open_one, counts = improvements.open_improvement(project), snapshots.count(project, snapshots.DatasetFilters())
    return {
        "counts": {**vars(counts), "learned_masks": counts.masks - counts.held_out_masks},
        "people": [row for row in counts.people if row["id"] is not None],
        "is_open": open_one is not None and open_one.job is not None and open_one.job.status != "failed",
        "minutes": MINUTES,
        "usual_minutes": USUAL_MINUTES,
        "recipes": RECIPE_WORDS.items(),
        "options": improvement_options(project),
    }


def _describe(row: Improvement, project: Project, *, is_whole: bool = False) -> Context:
    """Return what the page shows of a run; `is_whole` with figures, pictures and masks to look at."""
    in_use = model_version_of(project)
    told: Context = {
        "row": row,
        "job": row.job,
        "status": row.job.status if row.job else JobStatus.DONE,
        "verdict": row.result.get("verdict", ""),
        "is_used": row.version is not None and in_use is not None and row.version.pk == in_use.pk,
        "was_replaced": in_use is not None and in_use.pk not in (row.parent_id, row.version_id),
    }
    if not is_whole or not row.result:
        return told
    comparison = read_comparison(row.result.get("comparison"))
    pictures = row.result.get("pictures", [])
    tables = [(_("Simulated clicks"), comparison.simulated), (_("The clicks that people made"), comparison.replayed)]
    groups = [(_("By label"), comparison.by_label), (_("By size"), comparison.by_size)]
    return {
        **told,
        "result": row.result,
        "tables": [(title, _table(change)) for title, change in tables if change],
        "general": comparison.general,
        "groups": [(title, [_group(one) for one in rows[:ROWS_SHOWN]]) for title, rows in groups if rows],
        "picture_lists": [
            (_("Better than before"), [one for one in pictures if one["is_better"]]),
            (_("Worse than before"), [one for one in pictures if not one["is_better"]]),
        ],
        "has_pictures": bool(pictures),
        "to_look_at": improvements.masks_to_look_at(row),
    }


def _table(change: Change) -> list[Context]:
    """Return the rows of a comparison: what, before, after, and by how much with its interval."""
    before, after = change.before, change.after
    rows: list[tuple[Words, str, float, float]] = [
        (word, f"iou{at + 1}", before.iou[at], after.iou[at]) for at, word in DECISION_ROWS
    ]
    clicks = _("Clicks to IoU %(share)s %%")
    rows += [
        (clicks % {"share": 85}, "clicks_to_85", before.clicks_to_85, after.clicks_to_85),
        (clicks % {"share": 90}, "clicks_to_90", before.clicks_to_90, after.clicks_to_90),
    ]
    return [
        {"word": word, "before": first, "after": second, "difference": change.difference.get(name)}
        for word, name, first, second in rows
    ]


def _group(group: Group) -> Context:
    """Return a label or a size with its masks and the IoU after three clicks, before and after."""
    name = group.name or _("No label")
    return {"name": name, "masks": group.masks, "before": group.before[THIRD], "after": group.after[THIRD]}


def _start(request: HttpRequest, project: Project) -> str:
    post = request.POST
    filters = {
        "labels": read_numbers(post.getlist("label")),
        "people": read_numbers(post.getlist("person")),
        "is_reviewed": post.get("is_reviewed") == "on",
        "created_from": _start_of_day(post.get("since", "")),
    }
    order = improvements.ImprovementOrder(
        minutes=_whole_number(post.get("minutes", "")),
        recipe=post.get("recipe", ""),
        filters=snapshots.DatasetFilters.model_validate(filters),
    )
    row = improvements.start_improvement(project, order, user=person(request))
    sentence = _("%(model)s learns from %(masks)s masks. It stays in use as it is; you decide on what comes of it.")
    return sentence % {"model": row.parent.version, "masks": f"{row.masks:,}"}


def _start_of_day(text: str) -> datetime | None:
    if not text:
        return None
    day = read_day(text)
    if day is None:
        raise ValueError(_("Give a day as YYYY-MM-DD."))
    return datetime.combine(day, time.min, UTC)


def _whole_number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise ValueError(_("Give whole numbers."))
    return int(text)


def _use(request: HttpRequest, project: Project) -> str:
    row = _of_project(request, project)
    job = improvements.use_improvement(row, person(request))
    version = row.version.version if row.version else ""
    if job is None:
        return _("The project uses %(model)s now.") % {"model": version}
    sentence = _("The project uses %(model)s now. Embedding %(images)s in the background.")
    return sentence % {"model": version, "images": image_count(job.total)}


def _of_project(request: HttpRequest, project: Project) -> Improvement:
    number = read_number(request.POST.get("improvement", ""))
    if number is None:
        raise ValueError(_("There is no such improvement."))
    row = improvements.find_improvement(person(request), number, right=Right.MANAGE)
    if row.project_id != project.pk:
        raise ValueError(_("There is no such improvement."))
    return row


def _roll_back(request: HttpRequest, project: Project) -> str:
    version = improvements.roll_back(project).model_version
    if version is None:
        return _("The project follows the server's default model again.")
    return _("The project keeps to %(model)s again.") % {"model": version.version}


def _save(request: HttpRequest, project: Project) -> str:
    values = {name: _whole_number(request.POST.get(name, "")) for name in ("after_masks", "minutes")}
    changes = {ImprovementOptions.group: check_options(ImprovementOptions, values)}
    update_project(project, ProjectChanges(settings=changes))
    if not values["after_masks"]:
        return _("The model is improved only when somebody asks for it.")
    return _("The model is improved by itself after every %(n)s new masks.") % {"n": f"{values['after_masks']:,}"}


def _unknown(request: HttpRequest, project: Project) -> str:
    raise ValueError(_("That button is not known here."))


ACTIONS: dict[str, Action] = {"start": _start, "use": _use, "roll_back": _roll_back, "save": _save}
