"""The endpoint of model versions with their figures."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Schema

from annotator.accounts.authentication import user_of
from annotator.statistics.version_figures import describe_versions

router = Router(tags=["models"])


class UseOut(Schema):
    """A project of the caller that uses a version, by choice or because it is the default."""

    id: int
    name: str
    is_pinned: bool


class DecodeOut(Schema):
    """How long clicks took in browsers, as they told: the latest, a bounded number of each person."""

    clicks: int
    people: int
    p50_ms: float | None
    p95_ms: float | None


class VersionOut(Schema):
    """A model version: where it comes from, what it costs here, and what the caller's projects made with it.

    Licences are empty where nobody stated them; `figures` are as published. `bytes` is what a browser loads of it,
    `disk_bytes` what all its graphs take here. `embedded` counts photos, 10,000 at most; `encode_ms` is the median of
    the latest. `acceptance_rate` is the share of decided suggestions that people accepted.
    """

    id: int
    name: str
    number: int
    version: str
    parent: str | None
    training: Literal["none", "recipe", "project"]
    weights_licence: str
    data_licence: str
    figures: dict[str, float]
    image_size: int
    embed_dim: int
    bytes: int
    disk_bytes: int
    is_default: bool
    embedded: int
    encode_ms: float | None
    decode: DecodeOut
    masks: int
    acceptance_rate: float | None
    seconds_per_mask: float | None
    projects: list[UseOut]


@router.get("/model-versions", response=list[VersionOut])
def list_versions(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the versions present, newest first."""
    return describe_versions(user_of(request))
