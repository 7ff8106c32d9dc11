"""A dashboard that is up to date: small changes are counted at once, large ones by a job while the page says so."""

import contextlib
from typing import Any

from annotator.errors import ConflictError
from annotator.jobs import services as jobs
from annotator.projects.models import Project
from annotator.statistics.dashboard import read_dashboard, read_table
from annotator.statistics.figures import has_many_changes, refresh_project
from annotator.statistics.mask_sums import Filters
from annotator.statistics.tasks import count_figures

AT_ONCE_IMAGES = 60


def fresh_dashboard(project: Project, filters: Filters | None = None) -> dict[str, Any]:
    """Return the dashboard; `images_left` says how many changed images are not counted yet (at least)."""
    left = bring_up_to_date(project)
    return {**read_dashboard(project, filters), "images_left": left}


def fresh_table(project: Project, name: str, filters: Filters) -> list[dict[str, Any]]:
    """Return one table of the dashboard, as up to date as the dashboard."""
    bring_up_to_date(project)
    return read_table(project, name, filters)


def count_everywhere() -> int:
    """Bring every project's sums up to date; the reconciler calls it. Returns how many need a job for it."""
    return sum(bring_up_to_date(project) > 0 for project in Project.objects.filter(archived_at=None))


def bring_up_to_date(project: Project) -> int:
    """Count what changed since the last time, or start a job when it is much; return what is left."""
    left = 1 if has_many_changes(project) else refresh_project(project, limit=AT_ONCE_IMAGES)
    if left:
        with contextlib.suppress(ConflictError):  # it is being counted already
            jobs.start_job(project, kind="figures", key="project", task=count_figures, params={}, user=None)
    return left
