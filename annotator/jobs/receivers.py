"""What this room does when others change: no job goes on with a project that was put into the bin."""

from typing import Any

from django.dispatch import receiver

from annotator.jobs.services import cancel_open_jobs
from annotator.projects.models import Project
from annotator.projects.signals import project_binned


@receiver(project_binned)
def cancel_jobs(sender: Any, *, project: Project, **kwargs: Any) -> None:
    """Cancel what is open."""
    cancel_open_jobs(project)
