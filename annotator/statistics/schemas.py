"""What the endpoints of statistics take and give."""

from datetime import date
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from annotator.projects.models import Stage

DAY_MS = 86_400_000


class CountOut(Schema):
    """How many were kept."""

    count: int


class FiltersIn(Schema):
    """What to count; what is left out is everything."""

    person: int | None = None
    label: int | None = None
    stage: Stage | None = None
    model_version: int | None = None
    since: date | None = None
    until: date | None = None


class ActivityIn(Schema):
    """Active time (pauses over 30 s cut) and what was done in it, as durations and numbers, never times of day."""

    active_ms: int = Field(ge=0, le=DAY_MS)
    counts: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")], Annotated[int, Field(ge=0, le=10**9)]
    ] = Field(default_factory=dict, max_length=30)


class ActivityOut(Schema):
    """How much of the time is believed."""

    credited_ms: int


class TodayOut(Schema):
    """The caller's day in a project."""

    masks: int
    active_seconds: float
    seconds_per_mask: float | None


class SampleIn(Schema):
    """How many images to send to people."""

    size: int = Field(ge=1, le=10_000)


class LatencyIn(Schema):
    """One latency as the browser measured it."""

    kind: Annotated[str, StringConstraints(min_length=1, max_length=30)]
    engine: Annotated[str, StringConstraints(max_length=40)] = ""
    browser: Annotated[str, StringConstraints(max_length=80)] = ""
    model_version: Annotated[str, StringConstraints(max_length=80)] = ""
    value_ms: float = Field(ge=0, le=600_000, allow_inf_nan=False)


class LatencyBatch(Schema):
    """A batch of samples of one project."""

    project_id: int
    samples: list[LatencyIn] = Field(max_length=500)
