"""The job that deletes a label which many masks have: they move to another label, or to none, in bounded steps.

Must not know: who asks for it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from annotator.annotations.models import Annotation
from annotator.annotations.relabelling import relabel_masks
from annotator.errors import InvalidError
from annotator.jobs import services as jobs
from annotator.jobs.models import OPEN_STATUSES, Job
from annotator.projects.models import Label, Project
from annotator.projects.services import delete_label

KIND = "label_removal"


def labels_being_removed(project: Project) -> set[int]:
    """Return the labels that jobs are removing at present."""
    rows = Job.objects.filter(project=project, kind=KIND, status__in=OPEN_STATUSES)
    return {params["label_id"] for params in rows.values_list("params", flat=True)}


def find_target(label: Label, to: int | None) -> Label:
    """Return the label that takes the masks; raise InvalidError (`no_such_label`) where it cannot."""
    others = Label.objects.filter(project=label.project_id).exclude(pk=label.pk)
    target = others.filter(pk=to).first() if to is not None else None
    if target is None or target.pk in labels_being_removed(label.project):
        raise InvalidError(_("The label to move the masks to is not one of this project."), code="no_such_label")
    return target


def do_label_removal(job: Job) -> None:
    """Move the masks step by step, then delete the label; goes on where an earlier try ended."""
    label = Label.objects.select_related("project").filter(pk=job.params["label_id"]).first()
    if label is None:
        jobs.finish_job(job, report=job.report)
        return
    target = find_target(label, job.params["to"]) if job.params["to"] is not None else None

    def count_moved() -> int:
        moved: int = job.report.get("masks", 0)  # masks that were deleted meanwhile move as well
        return min(moved, job.total)

    def move() -> None:
        job.report = {"masks": job.report.get("masks", 0) + relabel_masks(label, to=target, by=job.created_by)}

    def steps() -> Iterator[Callable[[], Any]]:
        while Annotation.objects.filter(label=label).exists():
            yield move

    if jobs.run_steps(job, steps(), count_done=count_moved):
        told = {"masks": job.report.get("masks", 0), "masks_moved_to": target.name if target else None}
        delete_label(label, told=told, by=job.created_by)
        job.done = job.total
        jobs.finish_job(job, report=job.report)
