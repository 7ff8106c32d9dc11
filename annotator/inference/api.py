"""Endpoints of model versions and their files."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import Router, Schema

from annotator.errors import MissingError
from annotator.http.immutable import is_unchanged, send_bytes
from annotator.inference.model_store import own_folder
from annotator.inference.models import ModelVersion

router = Router(tags=["inference"])


class ModelVersionOut(Schema):
    """One set of weights."""

    name: str
    number: int
    version: str
    weights_licence: str
    data_licence: str
    image_size: int
    embed_dim: int
    weights_sha256: str
    manifest_url: str


@router.get("/models", response=list[ModelVersionOut])
def list_models(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the model versions present on this server, newest first."""
    return [
        {
            "name": row.name,
            "number": row.number,
            "version": row.version,
            "weights_licence": row.weights_licence,
            "data_licence": row.data_licence,
            "image_size": row.image_size,
            "embed_dim": row.embed_dim,
            "weights_sha256": row.weights_sha256,
            "manifest_url": f"/api/v1/models/{row.version}/manifest.json",
        }
        for row in ModelVersion.objects.all()
    ]


@router.get("/models/{version}/manifest.json")
def get_manifest(request: HttpRequest, version: str) -> HttpResponseBase:
    """Return the browser's manifest of a model version."""
    row = _get_version(version)
    etag = f"{row.version}-{row.weights_sha256[:16]}-{row.manifest_digest}"
    if answer := is_unchanged(request, etag):
        return answer
    response = JsonResponse(row.manifest)
    response["ETag"] = f'"{etag}"'
    # Graphs may be exported anew under the same weights, so the manifest is asked for again; the files are not.
    response["Cache-Control"] = "private, no-cache"
    return response


@router.get("/models/{version}/{name}")
def get_model_file(request: HttpRequest, version: str, name: str, v: str = "") -> HttpResponseBase:
    """Return one file that the manifest lists."""
    row = _get_version(version)
    digest = next((entry["sha256"] for entry in row.manifest.get("files", []) if entry["name"] == name), None)
    if digest is None:
        raise MissingError(_("The model has no such file."))
    path = own_folder(row, {name}) / name
    if not path.is_file():
        raise MissingError(_("The model has no such file."))
    if answer := is_unchanged(request, digest):
        return answer
    content_type = "application/json" if name.endswith(".json") else "application/octet-stream"
    response = send_bytes(
        request, path.open("rb"), content_type=content_type, etag=digest, is_versioned=bool(v) and digest.startswith(v)
    )
    response["Content-Length"] = str(path.stat().st_size)
    return response


def _get_version(version: str) -> ModelVersion:
    row = ModelVersion.objects.filter(version=version).first()
    if row is None:
        raise MissingError(_("There is no such model version."))
    return row
