"""Endpoints of the settings by which images are handed out, reviewed and annotated by the model."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from annotator.accounts.authentication import user_of
from annotator.automatic.options import AutomaticOptions, automatic_options
from annotator.projects.access import Right, get_project
from annotator.projects.commands import ProjectChanges
from annotator.projects.models import Project
from annotator.projects.options import Options, check_options
from annotator.projects.services import update_project
from annotator.queue.options import QueueOptions, ReviewOptions, queue_options, review_options

router = Router(tags=["engine"])
GROUPS: dict[str, type[Options]] = {kind.group: kind for kind in (QueueOptions, ReviewOptions, AutomaticOptions)}


class EngineSettings(Schema):
    """How images are handed out, reviewed and annotated by the model; what is left out stays."""

    queue: dict[str, Any] | None = None
    review: dict[str, Any] | None = None
    automatic: dict[str, Any] | None = None


@router.get("/projects/{int:project_id}/engine-settings", response=dict[str, Any])
def get_settings(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return the settings in force."""
    return _settings(get_project(user_of(request), project_id))


@router.patch("/projects/{int:project_id}/engine-settings", response=dict[str, Any])
def patch_settings(request: HttpRequest, project_id: int, body: EngineSettings) -> dict[str, Any]:
    """Change settings; a value that cannot be used is refused, nothing is half changed."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    current = _settings(project)
    wanted = {name: values for name, values in body.dict().items() if values is not None}
    changes = {name: check_options(GROUPS[name], {**current[name], **values}) for name, values in wanted.items()}
    return _settings(update_project(project, ProjectChanges(settings=changes)))


def _settings(project: Project) -> dict[str, Any]:
    return {
        "queue": vars(queue_options(project)),
        "review": vars(review_options(project)),
        "automatic": vars(automatic_options(project)),
    }
