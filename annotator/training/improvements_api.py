"""Endpoints of improvements. Every member sees them; only admins of a project start them or use what came of them."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Router, Schema, Status
from pydantic import Field

from annotator.accounts.authentication import user_of
from annotator.http.immutable import is_unchanged, send_bytes
from annotator.jobs.schemas import JobOut
from annotator.json_types import JsonObject
from annotator.projects.access import Right, get_project
from annotator.projects.commands import ProjectChanges
from annotator.projects.options import check_options
from annotator.projects.services import update_project
from annotator.training import improvements
from annotator.training.improvement_options import USUAL_MINUTES, ImprovementOptions, improvement_options
from annotator.training.models import Improvement
from annotator.training.snapshots import DatasetFilters

router = Router(tags=["improvements"])


class ImprovementIn(Schema):
    """What to learn from and for how long; an empty recipe or device lets the training choose."""

    minutes: int = USUAL_MINUTES
    recipe: str = ""
    device: str = ""
    filters: DatasetFilters = Field(default_factory=DatasetFilters)


class ImprovementOut(Schema):
    """An improvement. `job.report` says how far it is, with the curves; `result` what came of it, {} until then.

    version is null until there is one, and where the new weights are worse; dataset_id until the masks are frozen.
    """

    id: int
    project_id: int
    number: int
    parent: str
    version: str | None
    dataset_id: int | None
    recipe: str
    minutes: int
    device: str
    masks: int
    is_automatic: bool
    result: JsonObject
    picture_urls: list[str]
    job: JobOut | None
    created_at: datetime

    @staticmethod
    def resolve_parent(row: Improvement) -> str:
        """Return the label of the version that was improved."""
        return row.parent.version

    @staticmethod
    def resolve_version(row: Improvement) -> str | None:
        """Return the label of the version that came of it."""
        return row.version.version if row.version else None

    @staticmethod
    def resolve_picture_urls(row: Improvement) -> list[str]:
        """Return the addresses of the pictures of the comparison."""
        return [
            f"/api/v1/improvements/{row.pk}/pictures/{picture['file']}" for picture in row.result.get("pictures", [])
        ]


class ImprovementSettings(Schema):
    """When the model is improved by itself: after so many new masks (0: never), for how long. Left out stays."""

    after_masks: int | None = None
    minutes: int | None = None


class ImprovementSettingsOut(Schema):
    """The setting in force."""

    after_masks: int
    minutes: int


@router.get("/projects/{int:project_id}/improvements", response=list[ImprovementOut])
def list_improvements(request: HttpRequest, project_id: int) -> list[Improvement]:
    """Return the project's latest improvements, newest first, 20 at most."""
    project = get_project(user_of(request), project_id)
    return list(improvements.improvement_rows().filter(project=project)[: improvements.SHOWN])


@router.post("/projects/{int:project_id}/improvements", response={202: ImprovementOut})
def create_improvement(request: HttpRequest, project_id: int, body: ImprovementIn) -> Status[Improvement]:
    """Start an improvement (admins); 409 `job_running` while one is under way. Pause and cancel its job."""
    user = user_of(request)
    project = get_project(user, project_id, right=Right.MANAGE)
    order = improvements.ImprovementOrder(
        minutes=body.minutes, recipe=body.recipe, device=body.device, filters=body.filters
    )
    return Status(202, improvements.start_improvement(project, order, user=user))


@router.get("/improvements/{int:improvement_id}", response=ImprovementOut)
def get_improvement(request: HttpRequest, improvement_id: int) -> Improvement:
    """Return one improvement."""
    return improvements.find_improvement(user_of(request), improvement_id)


@router.post("/improvements/{int:improvement_id}/use", response={200: ImprovementOut})
def use_improvement(request: HttpRequest, improvement_id: int) -> Improvement:
    """Let the project keep to the new version and embed with it (admins); 409 `no_version` where there is none.

    `POST /projects/{id}/model-version/take-back` rolls that back.
    """
    row = improvements.find_improvement(user_of(request), improvement_id, right=Right.MANAGE)
    improvements.use_improvement(row, user_of(request))
    return row


@router.get("/improvements/{int:improvement_id}/pictures/{picture}")
def get_improvement_picture(request: HttpRequest, improvement_id: int, picture: str) -> HttpResponseBase:
    """Return a picture of the comparison (WebP): before, after, and the person's mask."""
    row = improvements.find_improvement(user_of(request), improvement_id)
    content = improvements.open_picture(row, picture)
    etag = f"improvement-{row.pk}-{picture}"
    return is_unchanged(request, etag) or send_bytes(request, content, content_type="image/webp", etag=etag)


@router.get("/projects/{int:project_id}/improvement-settings", response=ImprovementSettingsOut)
def get_improvement_settings(request: HttpRequest, project_id: int) -> dict[str, Any]:
    """Return when the project's model is improved by itself."""
    return vars(improvement_options(get_project(user_of(request), project_id)))


@router.patch("/projects/{int:project_id}/improvement-settings", response=ImprovementSettingsOut)
def patch_improvement_settings(request: HttpRequest, project_id: int, body: ImprovementSettings) -> dict[str, Any]:
    """Change that (admins); 422 `bad_setting`."""
    project = get_project(user_of(request), project_id, right=Right.MANAGE)
    wanted = {**vars(improvement_options(project)), **body.dict(exclude_none=True)}
    changes = {ImprovementOptions.group: check_options(ImprovementOptions, wanted)}
    return vars(improvement_options(update_project(project, ProjectChanges(settings=changes))))
