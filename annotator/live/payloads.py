"""What goes over a project's WebSocket, in both directions. The front end's types are generated from these."""

from typing import Literal

from typing_extensions import TypedDict

HintKind = Literal[
    "image.ready",
    "image.changed",
    "embedding.progress",
    "job.progress",
    "annotations.changed",
    "image.taken",
    "image.presence",
    "member.removed",
]


class HintSubject(TypedDict, total=False):
    """What a hint is about, as far as it is about it; `tab` names the page whose doing it tells of."""

    image_id: int
    user_id: int | None
    tab: str
    what: Literal["comments", "sample"]
    crop_box: str
    job_id: int
    job_kind: str
    done: int
    total: int
    status: str


class Hint(HintSubject):
    """What changed, never what it is now: that is read over HTTP."""

    type: HintKind
    project_id: int


class Pong(TypedDict):
    """The answer to a ping."""

    type: Literal["pong"]


class Ping(TypedDict):
    """A sign of life."""

    type: Literal["ping"]


class Watch(TypedDict):
    """Ask for the hints of one image alone; null: for those of the whole project again."""

    type: Literal["watch"]
    image_id: int | None
