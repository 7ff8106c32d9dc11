"""What the workspace's page tells the front end at its start (docs/contracts.md, section 4)."""

from typing import Annotated, Literal

from typing_extensions import TypedDict

from annotator.accounts.preferences import Theme
from annotator.json_types import JsonObject, one_of
from annotator.projects.commands import LabelQuestion
from annotator.projects.models import Role, Stage


class WorkspaceUser(TypedDict):
    """Who is signed in."""

    id: int
    username: str
    name: str


class WorkspaceLabel(TypedDict):
    """A label of the project."""

    id: int
    name: str
    color: str
    key: str
    position: int
    attributes: list[LabelQuestion]


class WorkspaceSettings(TypedDict, total=False):
    """Settings of the project that the workspace reads; there are others."""

    overlap: Literal["allow", "new_yields", "new_cuts"]
    hides_hints: bool


class WorkspaceProject(TypedDict):
    """The project, as far as the workspace shows it."""

    name: str
    stage: Annotated[str, one_of(Stage)]
    settings: WorkspaceSettings
    guidelines: str


class WorkspaceModel(TypedDict):
    """The model version that answers, and where its manifest is; null while there is none."""

    version: str | None
    manifest_url: str | None


class Preferences(TypedDict, total=False):
    """What a person chose, as the workspace keeps it; `shortcuts` are the chords of each action."""

    locale: str
    theme: Theme
    shortcuts: dict[str, list[str]]
    is_left_handed: bool
    view: JsonObject


class WorkspaceConfig(TypedDict):
    """All of it; `locale` and `theme` are what holds for this page."""

    api: str
    project_id: int
    image_id: int
    user: WorkspaceUser
    role: Annotated[str, one_of(Role)]
    labels: list[WorkspaceLabel]
    project: WorkspaceProject
    model: WorkspaceModel
    csrf: str
    ws_url: str
    preferences: Preferences
    locale: str
    theme: Theme
