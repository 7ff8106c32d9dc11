"""Endpoints that choose model versions: the server's default, a project's, and the embedding of photos with them."""

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema, Status

from annotator.accounts.authentication import user_of
from annotator.accounts.people import require_server_admin
from annotator.automatic import embedding_jobs
from annotator.automatic.reembedding import Cost
from annotator.inference.default_model import set_default, take_back_default
from annotator.inference.selectors import default_before, default_model_version, model_version_of
from annotator.jobs.models import Job
from annotator.jobs.schemas import JobOut
from annotator.projects.access import Right, get_project
from annotator.projects.commands import ModelPin, ProjectChanges
from annotator.projects.model_choice import latest_choice, take_back_model
from annotator.projects.models import Project
from annotator.projects.services import update_project

router = Router(tags=["models"])


class DefaultIn(Schema):
    """The version to make the default; a model's name means its latest version."""

    model_version: str


class DefaultOut(Schema):
    """The server's default, the one that taking it back restores, and what the projects that follow it lack of it."""

    model_version: str | None
    before: str | None
    cost: Cost
    progress: embedding_jobs.Progress


class PinIn(Schema):
    """The version to pin; null follows the server's default."""

    model_version: str | None


class PinOut(Schema):
    """A project's version: pinned (null follows the default), in force, and what taking the choice back restores.

    `before` is null where the default would be followed again, and where `can_take_back` is false. `job` embeds.
    """

    model_version: str | None
    in_force: str | None
    can_take_back: bool
    before: str | None
    cost: Cost
    job: JobOut | None


@router.get("/default-model", response=DefaultOut)
def get_default(request: HttpRequest) -> dict[str, Any]:
    """Return the default model, and what embedding with it would cost (server admins)."""
    require_server_admin(user_of(request))
    return _describe_default()


@router.post("/default-model", response=DefaultOut)
def choose_default(request: HttpRequest, body: DefaultIn) -> dict[str, Any]:
    """Make a version the default (server admins). Nothing is embedded by that; every photo stays usable."""
    require_server_admin(user_of(request))
    set_default(body.model_version)
    return _describe_default()


@router.post("/default-model/take-back", response=DefaultOut)
def take_default_back(request: HttpRequest) -> dict[str, Any]:
    """Return to the default of before (server admins); 409 `nothing_to_take_back` where there was none."""
    require_server_admin(user_of(request))
    take_back_default()
    return _describe_default()


@router.post("/default-model/embeddings", response={201: DefaultOut})
def embed_with_default(request: HttpRequest) -> Status[dict[str, Any]]:
    """Embed what the projects that follow the default lack of it, in the background (server admins)."""
    user = user_of(request)
    require_server_admin(user)
    embedding_jobs.start_for_default(user)
    return Status(201, _describe_default())


@router.post("/default-model/embeddings/pause", response=DefaultOut)
def pause_embedding(request: HttpRequest) -> dict[str, Any]:
    """Pause it in every such project (server admins)."""
    require_server_admin(user_of(request))
    embedding_jobs.pause_default()
    return _describe_default()


@router.post("/default-model/embeddings/resume", response=DefaultOut)
def resume_embedding(request: HttpRequest) -> dict[str, Any]:
    """Go on with it (server admins)."""
    require_server_admin(user_of(request))
    embedding_jobs.resume_default()
    return _describe_default()


@router.get("/projects/{int:project_id}/model-version", response=PinOut)
def get_version(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return a project's model version, and what embedding with it would cost."""
    return _describe_pin(get_project(user_of(request), project_id, right=Right.MANAGE))


@router.post("/projects/{int:project_id}/model-version", response=PinOut)
def pin_version(request: HttpRequest, project_id: int, body: PinIn) -> dict[str, Any]:
    """Pin a version. Nothing is embedded by that: photos are worked on with the version before until they are."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return _describe_pin(update_project(project, ProjectChanges(pin=ModelPin(body.model_version))))


@router.post("/projects/{int:project_id}/model-version/take-back", response=PinOut)
def take_version_back(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return to the project's choice of before; 409 `nothing_to_take_back` where it has made none."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return _describe_pin(take_back_model(project))


@router.post("/projects/{int:project_id}/embeddings", response={201: JobOut})
def embed_project(request: HttpRequest, project_id: int) -> Status[Job]:
    """Embed what the project lacks of its version, photos without masks first; pause it like any job."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    return Status(201, embedding_jobs.start_embedding(project, user_of(request)))


def _describe_default() -> dict[str, Any]:
    version, before = default_model_version(), default_before()
    return {
        "model_version": version.version if version else None,
        "before": before.version if before else None,
        "cost": embedding_jobs.cost_for_default(),
        "progress": embedding_jobs.default_progress(),
    }


def _describe_pin(project: Project) -> dict[str, Any]:
    choice, version = latest_choice(project), model_version_of(project)
    return {
        "model_version": project.model_version.version if project.model_version else None,
        "in_force": version.version if version else None,
        "can_take_back": choice is not None,
        "before": choice.before.version if choice and choice.before else None,
        "cost": embedding_jobs.cost_for(project),
        "job": embedding_jobs.open_job(project),
    }
