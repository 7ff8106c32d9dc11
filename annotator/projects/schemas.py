"""What the project endpoints take and give."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field, StringConstraints

from annotator.projects.models import Role, Stage

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LabelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[1-9]?$")]
Text = Annotated[str, StringConstraints(max_length=50_000)]


class LabelAttribute(Schema):
    """One question asked about each mask of a label."""

    name: LabelName
    kind: Literal["choice", "number", "text", "flag"]
    choices: list[str] = Field(default_factory=list, max_length=100)
    is_required: bool = False


class LabelIn(Schema):
    """A new label; without a colour the next free one of the palette is taken."""

    name: LabelName
    color: Color | None = None
    key: Key = ""
    position: int | None = Field(default=None, ge=0)
    attributes: list[LabelAttribute] = Field(default_factory=list, max_length=50)


class LabelPatch(Schema):
    """Changes to a label; what is left out stays."""

    name: LabelName | None = None
    color: Color | None = None
    key: Key | None = None
    position: int | None = Field(default=None, ge=0)
    attributes: list[LabelAttribute] | None = Field(default=None, max_length=50)


class LabelOut(Schema):
    """A label."""

    id: int
    name: str
    color: str
    key: str
    position: int
    attributes: list[dict[str, Any]]


class ProjectIn(Schema):
    """A new project; its maker becomes its admin."""

    name: Name
    description: Text = ""
    guidelines: Text = ""
    stage: Stage = Stage.ASSISTED_MANUAL
    model_version: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    labels: list[LabelIn] = Field(default_factory=list, max_length=1000)


class ProjectPatch(Schema):
    """Changes to a project; what is left out stays. `settings` is merged key by key, null removes a key."""

    name: Name | None = None
    description: Text | None = None
    guidelines: Text | None = None
    stage: Stage | None = None
    model_version: str | None = None
    settings: dict[str, Any] | None = None
    is_archived: bool | None = None


class ProjectCounts(Schema):
    """Images by work status, and members."""

    images: int = 0
    new: int = 0
    in_progress: int = 0
    submitted: int = 0
    reviewed: int = 0
    failed: int = 0
    members: int = 0


class ProjectOut(Schema):
    """A project as one of its members sees it."""

    id: int
    name: str
    description: str
    guidelines: str
    stage: Stage
    model_version: str | None
    settings: dict[str, Any]
    created_at: datetime
    archived_at: datetime | None
    role: Role
    labels: list[LabelOut]
    counts: ProjectCounts


class MemberIn(Schema):
    """Somebody to add, by user name."""

    username: str
    role: Role = Role.ANNOTATOR


class MemberPatch(Schema):
    """Another role."""

    role: Role


class MemberOut(Schema):
    """A member."""

    id: int
    user_id: int
    username: str
    name: str
    role: Role
    created_at: datetime
