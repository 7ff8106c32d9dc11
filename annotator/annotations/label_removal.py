"""Delete a label together with a decision about its masks: another label, or none. Large labels go as a job.

Access is checked by the caller.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.annotations.relabelling import count_masks, relabel_masks
from annotator.errors import ConflictError, InvalidError
from annotator.jobs import services as jobs
from annotator.jobs.models import OPEN_STATUSES, Job
from annotator.projects.models import Label, Project
from annotator.projects.services import delete_label
from annotator.races import once_more_after_race

KIND = "label_removal"
IN_ONE_REQUEST = 500  # masks; more would hold the database for longer than others wait


@once_more_after_race
def remove_label(label: Label, user: User, *, masks: str = "", to: int | None = None) -> Job | None:
    """Delete a label; `masks` says what becomes of those that have it: "move" them to the label `to`, or "keep" them.

    Return the job where there are too many for one request, else None. Raises ConflictError (`label_in_use`,
    extra.masks) when masks have the label and nothing was said about them.
    """
    count = count_masks(label)
    if count and masks not in ("move", "keep"):
        message = _("Masks have this label. Say what becomes of them: another label, or none.")
        raise ConflictError(message, code="label_in_use", extra={"masks": count})
    target = _find_target(label, to) if masks == "move" else None
    if Annotation.objects.filter(label=label).count() > IN_ONE_REQUEST:
        return _start(label, target, user, total=count)
    with transaction.atomic():
        while relabel_masks(label, to=target, by=user, at_most=IN_ONE_REQUEST):
            pass
        delete_label(label, told={"masks": count, "masks_moved_to": target.name if target else None}, by=user)
    return None


def labels_being_removed(project: Project) -> set[int]:
    """Return the labels that jobs are removing at present."""
    rows = Job.objects.filter(project=project, kind=KIND, status__in=OPEN_STATUSES)
    return {params["label_id"] for params in rows.values_list("params", flat=True)}


def do_label_removal(job: Job) -> None:
    """Move the masks step by step, then delete the label; goes on where an earlier try ended."""
    label = Label.objects.select_related("project").filter(pk=job.params["label_id"]).first()
    if label is None:
        jobs.finish_job(job, report=job.report)
        return
    target = _find_target(label, job.params["to"]) if job.params["to"] is not None else None
    moved = job.report.get("masks", 0)

    def move() -> None:
        job.report = {"masks": job.report.get("masks", 0) + relabel_masks(label, to=target, by=job.created_by)}
        job.done = min(job.report["masks"], job.total) - 1  # run_steps counts the step itself

    def steps() -> Iterator[Callable[[], Any]]:
        while Annotation.objects.filter(label=label).exists():
            yield move

    job.done = moved
    if jobs.run_steps(job, steps()):
        told = {"masks": job.report.get("masks", 0), "masks_moved_to": target.name if target else None}
        delete_label(label, told=told, by=job.created_by)
        job.done = job.total
        jobs.finish_job(job, report=job.report)


def _start(label: Label, target: Label | None, user: User, *, total: int) -> Job:
    from annotator.annotations.tasks import remove_label_of_many  # tasks know this module

    params = {"label_id": label.pk, "name": label.name, "to": target.pk if target else None}
    key = f"label-{label.pk}"
    return jobs.start_job(
        label.project, kind=KIND, task=remove_label_of_many, params=params, user=user, total=total, key=key
    )


def _find_target(label: Label, to: int | None) -> Label:
    others = Label.objects.filter(project=label.project_id).exclude(pk=label.pk)
    target = others.filter(pk=to).first() if to is not None else None
    if target is None or target.pk in labels_being_removed(label.project):
        raise InvalidError(_("The label to move the masks to is not one of this project."), code="no_such_label")
    return target
