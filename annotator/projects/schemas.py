"""What the project endpoints take and give."""

import json
from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, WithJsonSchema
from typing_extensions import TypedDict

from annotator.json_types import JsonObject, one_of
from annotator.projects.commands import (
    LabelChanges,
    LabelQuestion,
    ModelPin,
    NewLabel,
    NewProject,
    ProjectChanges,
)
from annotator.projects.models import MAX_LABEL_LENGTH, Role, Stage

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
LabelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LABEL_LENGTH)]
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]
Key = Annotated[str, StringConstraints(pattern=r"^[1-9]?$")]
Text = Annotated[str, StringConstraints(max_length=50_000)]


MAX_SETTINGS_BYTES = 64 * 1024


def _check_size(settings: JsonObject) -> JsonObject:
    if len(json.dumps(settings)) > MAX_SETTINGS_BYTES:
        raise ValueError(f"settings may hold {MAX_SETTINGS_BYTES // 1024} kB at most")
    return settings


Settings = Annotated[JsonObject, AfterValidator(_check_size)]
# What a row keeps is described, not checked once more: a question may come from an imported file.
StoredQuestion = Annotated[JsonObject, WithJsonSchema(TypeAdapter(LabelQuestion).json_schema())]


class LabelAttribute(Schema):
    """One question asked about each mask of a label."""

    name: LabelName
    kind: Literal["choice", "number", "text", "flag"]
    choices: list[LabelName] = Field(default_factory=list, max_length=100)
    is_required: bool = False

    def question(self) -> LabelQuestion:
        """Return the question as the label's row keeps it."""
        return {"name": self.name, "kind": self.kind, "choices": self.choices, "is_required": self.is_required}


class LabelIn(Schema):
    """A new label; without a colour the next free one of the palette is taken."""

    name: LabelName
    color: Color | None = None
    key: Key = ""
    position: int | None = Field(default=None, ge=0, lt=2**31)
    attributes: list[LabelAttribute] = Field(default_factory=list, max_length=50)

    def command(self) -> NewLabel:
        """Return what is asked of the service."""
        questions = [attribute.question() for attribute in self.attributes]
        return NewLabel(name=self.name, color=self.color, key=self.key, position=self.position, attributes=questions)


class LabelPatch(Schema):
    """Changes to a label; what is left out stays."""

    name: LabelName | None = None
    color: Color | None = None
    key: Key | None = None
    position: int | None = Field(default=None, ge=0, lt=2**31)
    attributes: list[LabelAttribute] | None = Field(default=None, max_length=50)

    def command(self) -> LabelChanges:
        """Return what is asked of the service."""
        asked = self.attributes
        questions = None if asked is None else [attribute.question() for attribute in asked]
        return LabelChanges(
            name=self.name, color=self.color, key=self.key, position=self.position, attributes=questions
        )


class LabelOut(Schema):
    """A label."""

    id: int
    name: str
    color: str
    key: str
    position: int
    attributes: list[StoredQuestion]


class ProjectIn(Schema):
    """A new project; its maker becomes its admin."""

    name: Name
    description: Text = ""
    guidelines: Text = ""
    stage: Stage = Stage.ASSISTED_MANUAL
    model_version: Annotated[str, StringConstraints(max_length=200)] | None = None
    settings: Settings = Field(default_factory=dict)
    labels: list[LabelIn] = Field(default_factory=list, max_length=1000)

    def command(self) -> NewProject:
        """Return what is asked of the service."""
        return NewProject(
            name=self.name,
            description=self.description,
            guidelines=self.guidelines,
            stage=self.stage,
            model_version=self.model_version,
            settings=self.settings,
            labels=[label.command() for label in self.labels],
        )


class ProjectPatch(Schema):
    """Changes to a project; what is left out stays. `settings` is merged key by key, null removes a key."""

    name: Name | None = None
    description: Text | None = None
    guidelines: Text | None = None
    stage: Stage | None = None
    model_version: Annotated[str, StringConstraints(max_length=200)] | None = None
    settings: Settings | None = None
    is_archived: bool | None = None

    def command(self) -> ProjectChanges:
        """Return what is asked of the service."""
        return ProjectChanges(
            name=self.name,
            description=self.description,
            guidelines=self.guidelines,
            stage=self.stage,
            pin=ModelPin(self.model_version) if "model_version" in self.model_fields_set else None,
            settings=self.settings,
            is_archived=self.is_archived,
        )


class ProjectCounts(Schema):
    """Images by work status, and members."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    images: int = 0
    new: int = 0
    in_progress: int = 0
    submitted: int = 0
    reviewed: int = 0
    failed: int = 0
    members: int = 0


class ProjectOut(TypedDict):
    """A project as one of its members sees it."""

    id: int
    name: str
    description: str
    guidelines: str
    stage: Annotated[str, one_of(Stage)]
    model_version: str | None
    settings: JsonObject
    created_at: datetime
    archived_at: datetime | None
    role: Annotated[str, one_of(Role)]
    labels: list[LabelOut]
    counts: ProjectCounts


class MemberIn(Schema):
    """Somebody to add, by user name."""

    username: str
    role: Role = Role.ANNOTATOR


class MemberPatch(Schema):
    """Another role."""

    role: Role


class MemberOut(TypedDict):
    """A member."""

    id: int
    user_id: int
    username: str
    name: str
    role: Annotated[str, one_of(Role)]
    created_at: datetime
