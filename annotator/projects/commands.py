"""What is asked of projects and labels: the commands of services.py, made by the API, the pages and imports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NotRequired

from typing_extensions import TypedDict

from annotator.projects.models import Stage


class LabelQuestion(TypedDict):
    """One question that a label asks about each of its masks, as the label's row keeps it."""

    name: str
    kind: Literal["choice", "number", "text", "flag"]
    choices: NotRequired[list[str]]
    is_required: NotRequired[bool]


@dataclass(frozen=True, kw_only=True)
class NewLabel:
    """A label to add; without a colour the palette's next one is taken, without a position it comes last."""

    name: str
    color: str | None = None
    key: str = ""
    position: int | None = None
    attributes: Sequence[LabelQuestion] = ()


@dataclass(frozen=True, kw_only=True)
class LabelChanges:
    """Changes to a label; None leaves a field as it is."""

    name: str | None = None
    color: str | None = None
    key: str | None = None
    position: int | None = None
    attributes: Sequence[LabelQuestion] | None = None


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A project to make, with its labels; without a model version it follows the server's default."""

    name: str
    description: str = ""
    guidelines: str = ""
    stage: str = Stage.ASSISTED_MANUAL
    model_version: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    labels: Sequence[NewLabel] = ()


@dataclass(frozen=True)
class ModelPin:
    """The model version that a project keeps to; None follows the server's default."""

    version: str | None


@dataclass(frozen=True, kw_only=True)
class ProjectChanges:
    """Changes to a project; None leaves a field as it is. Settings are merged key by key, None removes a key."""

    name: str | None = None
    description: str | None = None
    guidelines: str | None = None
    stage: str | None = None
    pin: ModelPin | None = None
    settings: Mapping[str, object] | None = None
    is_archived: bool | None = None
