"""What this room tells of photos that came in: the dictionaries of its services and selectors."""

from typing import Literal

from typing_extensions import TypedDict


class UploadEntry(TypedDict):
    """What came of one photo: added, duplicate, refused, or queued (a large zip; follow job_id)."""

    name: str
    status: Literal["added", "duplicate", "refused", "queued"]
    image_id: int | None
    code: str
    message: str
    job_id: int | None


class Refusal(TypedDict):
    """A photo that was refused, and why, in the person's language."""

    name: str
    message: str


class Intake(TypedDict):
    """An intake of many photos, as a page shows it; `unsaid` counts refusals that are not listed."""

    id: int
    kind: str
    name: str
    status: str
    is_open: bool
    done: int
    total: int
    error: str
    added: int
    duplicate: int
    refused: int
    refusals: list[Refusal]
    unsaid: int
