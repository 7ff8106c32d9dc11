"""The job that counts a project whose figures are far behind."""

from datetime import datetime
from functools import partial

from django.utils import timezone

from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.statistics.figures import images_to_count, mark_counted, refresh_images

FIGURES_AT_ONCE = 50


def count_project(job: Job) -> None:
    """Bring the figures of a large project up to date, some images a step, so that nobody waits long for the writer."""
    since = datetime.fromisoformat(job.state.get("since") or timezone.now().isoformat())
    job.state = {"last_id": 0, **job.state, "since": since.isoformat()}
    ids = [pk for pk in images_to_count(job.project) if pk > job.state["last_id"]]
    chunks = [ids[start : start + FIGURES_AT_ONCE] for start in range(0, len(ids), FIGURES_AT_ONCE)]
    job.total = job.done + len(chunks)

    def count(chunk: list[int]) -> None:
        refresh_images(chunk)
        job.state = {**job.state, "last_id": chunk[-1]}

    if jobs.run_steps(job, (partial(count, chunk) for chunk in chunks)):
        mark_counted(job.project, since=since)
        jobs.finish_job(job, report=job.report)
