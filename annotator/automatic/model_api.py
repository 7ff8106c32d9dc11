"""Endpoints of model versions: which are present, what they cost, and which one a project pins."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from annotator.accounts.authentication import user_of
from annotator.automatic.model_versions import describe_versions
from annotator.jobs.models import Job
from annotator.jobs.schemas import JobOut
from annotator.projects.access import Right, get_project
from annotator.projects.commands import ModelPin, ProjectChanges
from annotator.projects.services import update_project

router = Router(tags=["models"])


class UseOut(Schema):
    """A project of the caller that uses a version, by choice or because it is the default."""

    id: int
    name: str
    is_pinned: bool


class VersionOut(Schema):
    """A model version; `encode_ms` is the median of the latest embeddings made here.

    `bytes` is what a browser loads of it, `disk_bytes` what all its graphs take here.
    """

    id: int
    name: str
    version: str
    licence: str
    image_size: int
    embed_dim: int
    bytes: int
    disk_bytes: int
    is_default: bool
    embedded: int
    encode_ms: float | None
    projects: list[UseOut]


class PinIn(Schema):
    """The version to pin; null follows the server's default."""

    model_version: str | None


class PinOut(Schema):
    """The pinned version and the job that embeds with it, if one is needed."""

    model_version: str | None
    job: JobOut | None


@router.get("/model-versions", response=list[VersionOut])
def list_versions(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the versions present, newest first."""
    return describe_versions(user_of(request))


@router.post("/projects/{int:project_id}/model-version", response=PinOut)
def pin_version(request: HttpRequest, project_id: int, body: PinIn) -> dict[str, Any]:
    """Pin a version; images are embedded with it in the background, and the embeddings of before stay usable."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    project = update_project(project, ProjectChanges(pin=ModelPin(body.model_version)))
    job = Job.objects.filter(project=project, kind="embed").first()
    is_open = job is not None and job.status in ("pending", "running", "paused")
    return {
        "model_version": project.model_version.version if project.model_version else None,
        "job": job if is_open else None,
    }
