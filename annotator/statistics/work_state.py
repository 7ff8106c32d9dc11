"""The dashboard's figures of work: the queue, embeddings, jobs, suggestions by score."""

from typing import Any

from django.db.models import Count, OuterRef, Subquery, Sum

from annotator.images.models import Image, ImageStatus
from annotator.inference.models import ImageEmbedding
from annotator.inference.selectors import model_version_of
from annotator.jobs.models import Job
from annotator.projects.models import Project
from annotator.queue.models import Submission, Verdict, WorkEvent
from annotator.queue.next_image import count_begun, count_left_to_model
from annotator.statistics.mask_sums import Filters
from annotator.statistics.models import ScoreFigures

RECENT_JOBS = 10


def read_acceptance(project: Project, filters: Filters) -> list[dict[str, Any]]:
    """Return what people decided about suggestions, by the lower edge of 2 % bins of predicted IoU."""
    rows = ScoreFigures.objects.filter(project=project)
    if filters.model_version_id is not None:
        rows = rows.filter(model_version_id=filters.model_version_id)
    sums = {f"sum_{name}": Sum(name) for name in ("accepted", "rejected", "waiting")}
    found: Any = rows.values("score_percent").annotate(**sums).order_by("score_percent")
    result: list[Any] = [{name.removeprefix("sum_"): value for name, value in row.items()} for row in found]
    for row in result:
        decided = row["accepted"] + row["rejected"]
        row["rate"] = row["accepted"] / decided if decided else None
    return [row for row in result if row["accepted"] or row["rejected"] or row["waiting"]]


def read_queue(project: Project) -> dict[str, int]:
    """Return how many images are in each state."""
    rows = Image.objects.filter(project=project).order_by().values_list("work_status", "status")
    counts = {(work, status): n for work, status, n in rows.annotate(n=Count("pk"))}
    latest = Submission.objects.filter(project=project, is_latest=True).order_by()
    verdicts = dict(latest.values_list("verdict").annotate(n=Count("pk")))
    return {
        "images": sum(counts.values()),
        **{
            name: sum(n for (work, _), n in counts.items() if work == name)
            for name in ("new", "in_progress", "submitted", "reviewed")
        },
        "begun": count_begun(project),
        "left_to_model": count_left_to_model(project),
        "waiting_for_review": verdicts.get(Verdict.WAITING, 0),
        "returned": verdicts.get(Verdict.RETURNED, 0),
        "skipped": WorkEvent.objects.filter(project=project, kind="skipped").count(),
        "failed": sum(n for (_, status), n in counts.items() if status == ImageStatus.FAILED),
    }


def read_embeddings(project: Project) -> dict[str, Any]:
    """Return how far the images are embedded with the model version in force."""
    version = model_version_of(project)
    images = Image.objects.filter(project=project).exclude(status=ImageStatus.FAILED).order_by()
    own = ImageEmbedding.objects.filter(model_version=version, crop_box="full", sha256=OuterRef("picture"))
    # Of images, not of contents: two images may share one embedding.
    states = images.annotate(state=Subquery(own.values("status")[:1])).values_list("state")
    counts = dict(states.annotate(n=Count("pk")))
    total = sum(counts.values())
    counts.pop(None, None)
    return {
        "model_version": version.version if version else None,
        "total": total,
        **{name: counts.get(name, 0) for name in ("ready", "pending", "running", "failed")},
        "missing": total - sum(counts.values()),
    }


def read_jobs(project: Project) -> list[dict[str, Any]]:
    """Return the latest jobs, newest first."""
    names = ("id", "kind", "status", "done", "total", "error", "created_at", "finished_at")
    return list(Job.objects.filter(project=project).values(*names)[:RECENT_JOBS])
