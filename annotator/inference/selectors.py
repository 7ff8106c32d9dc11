"""Read model versions and embeddings."""

import re
from pathlib import Path
from typing import Annotated, Any

from django.conf import settings
from typing_extensions import TypedDict

from annotator.inference.crop_names import Crop
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.json_types import one_of

_SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
StatusOut = Annotated[str, one_of(("missing", *EmbeddingStatus.values))]


class EmbeddingOut(TypedDict):
    """The image's embedding: missing, pending, running, ready or failed; tiles: crops that are encoded after it."""

    status: StatusOut
    url: str | None
    key: str | None
    error: str
    model_version: str | None
    tiles: list[Crop]


def default_model_version() -> ModelVersion | None:
    """Return the newest synced version of the default model, or None before `sync_models` has run."""
    return ModelVersion.objects.filter(name=settings.DEFAULT_MODEL).first()


def model_version_of(project: Any) -> ModelVersion | None:
    """Return the version a project has pinned, or the default one."""
    return project.model_version or default_model_version()


def model_folder(version: str) -> Path:
    """Return the folder of one version's graphs."""
    if not _SAFE_NAME.match(version):
        raise ValueError(f"{version!r} is no model version")
    return Path(settings.MODELS_DIR) / version


def model_file(version: ModelVersion, name: str) -> Path | None:
    """Return a file that the manifest lists, or None."""
    listed = {row["name"] for row in version.manifest.get("files", [])}
    path = model_folder(version.version) / name
    return path if name in listed and _SAFE_NAME.match(name) and path.is_file() else None


def embedding_url(row: ImageEmbedding) -> str:
    """Return the immutable address of an embedding's bytes."""
    return f"/api/v1/embeddings/{row.key}.npy"


def describe_embedding(row: ImageEmbedding | None, *, version: ModelVersion | None, tiles: list[Crop]) -> EmbeddingOut:
    """Return the `embedding` part of ImageDetail; status "missing" when there is no row yet."""
    if row is None:
        return {
            "status": "missing",
            "url": None,
            "key": None,
            "error": "",
            "model_version": version.version if version else None,
            "tiles": tiles,
        }
    is_ready = row.status == EmbeddingStatus.READY
    return {
        "status": row.status,
        "url": embedding_url(row) if is_ready else None,
        "key": row.key,
        "error": row.error,
        "model_version": row.model_version.version,
        "tiles": tiles,
    }


def find_embedding(sha256: str, version: ModelVersion, crop_box: str = "full") -> ImageEmbedding | None:
    """Return the row of one embedding."""
    rows = ImageEmbedding.objects.select_related("model_version")
    return rows.filter(sha256=sha256, model_version=version, crop_box=crop_box).first()


def usable_embedding(sha256: str, version: ModelVersion | None) -> ImageEmbedding | None:
    """Return the embedding to work with: the pinned version's when ready, else another version's that is ready.

    So an image can be worked on while a newly pinned version is still being embedded. Without any that is ready, the
    pinned version's row is returned as it is, or None.
    """
    rows = list(ImageEmbedding.objects.select_related("model_version").filter(sha256=sha256, crop_box="full"))
    pinned = next((row for row in rows if version is not None and row.model_version_id == version.pk), None)
    if pinned is not None and pinned.status == EmbeddingStatus.READY:
        return pinned
    ready = [row for row in rows if row.status == EmbeddingStatus.READY]
    return max(ready, key=lambda row: row.model_version_id, default=pinned)


def embedding_statuses(hashes: list[str], version: ModelVersion | None) -> dict[str, str]:
    """Return the status of the full embedding of each image content that has one."""
    if version is None:
        return {}
    rows = ImageEmbedding.objects.filter(sha256__in=hashes, model_version=version, crop_box="full")
    return dict(rows.values_list("sha256", "status"))


# annotator/photos/readings.py: the file's digest, and how it is read.
PICTURE = r"([0-9a-f]{64}(?:\.[a-z][a-z0-9_.]*)?)"


def parse_key(key: str) -> tuple[str, str, str] | None:
    """Split an embedding key into the name of its picture, model version and crop box."""
    match = re.fullmatch(PICTURE + r"-([A-Za-z0-9._-]+)-(full|\d+_\d+_\d+_\d+(?:_flipped)?)-f16", key)
    return (match[1], match[2], match[3]) if match else None
