"""How many masks projects and labels have, and when somebody last worked, without reading every mask.

Counted projects are read from the sums; projects that were never counted are small or new, and are counted as they are.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum

from annotator.annotations.models import Annotation, State
from annotator.images.models import Image
from annotator.jobs.models import Job
from annotator.projects.models import Project
from annotator.queue.models import WorkEvent
from annotator.statistics.dashboard_requests import bring_up_to_date
from annotator.statistics.models import FiguresMark, Grain, ImageFigures, MaskFigures


def masks_by_project(project_ids: Iterable[int]) -> dict[int, int]:
    """Return the accepted masks of each project, as of the last half minute (the worker counts)."""
    ids = set(project_ids)
    counted = set(FiguresMark.objects.filter(project__in=ids).values_list("project_id", flat=True))
    sums = ImageFigures.objects.filter(project__in=counted).exclude(image=None).order_by().values_list("project_id")
    rows = Annotation.objects.filter(image__project__in=ids - counted, deleted_at=None, state=State.ACCEPTED)
    exact = rows.order_by().values_list("image__project_id").annotate(n=Count("pk")) if ids - counted else []
    return {**dict(sums.annotate(n=Sum("mask_count"))), **dict(exact)}


def masks_by_label(project: Project) -> dict[int, int]:
    """Return the accepted masks of each label of a project, as of now."""
    if bring_up_to_date(project):  # much changed and is being counted
        rows = Annotation.objects.filter(label__project=project, deleted_at=None, state=State.ACCEPTED).order_by()
        return dict(rows.values_list("label_id").annotate(n=Count("pk")))
    sums = MaskFigures.objects.filter(project=project, grain=Grain.LABEL, state=State.ACCEPTED, masks__gt=0).order_by()
    found = sums.exclude(label_id=None).values_list("label_id").annotate(n=Sum("masks"))
    return {int(label_id): n for label_id, n in found if label_id is not None}


def latest_work(project_ids: Iterable[int]) -> dict[int, Any]:
    """Return when something was last done in each project: a person's step, a job, a photo added."""
    events = WorkEvent.objects.filter(project=OuterRef("pk")).order_by("-created_at").values("created_at")
    jobs = Job.objects.filter(project=OuterRef("pk")).order_by("-updated_at").values("updated_at")
    photos = Image.objects.filter(project=OuterRef("pk")).order_by("-created_at").values("created_at")
    latest = {"event": Subquery(events[:1]), "job": Subquery(jobs[:1]), "photo": Subquery(photos[:1])}
    rows = Project.objects.filter(pk__in=project_ids).order_by().annotate(**latest).values_list("pk", *latest)
    found = {pk: [moment for moment in moments if moment is not None] for pk, *moments in rows}
    return {pk: max(moments) for pk, moments in found.items() if moments}
