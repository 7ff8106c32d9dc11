"""Read model versions as projects use them."""

from statistics import median
from typing import Any

from annotator.images.models import Image, ImageStatus
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version, model_folder, model_version_of
from annotator.projects.access import visible_projects
from annotator.projects.models import Project

LATEST_TIMES = 200


def lacks_embeddings(project: Project) -> bool:
    """Say whether an image of the project was never asked to be embedded with the version in force."""
    version = model_version_of(project)
    if version is None:
        return False
    asked = ImageEmbedding.objects.filter(model_version=version, crop_box="full").values("sha256")
    images = Image.objects.filter(project=project).exclude(status=ImageStatus.FAILED)
    return images.exclude(picture__in=asked).exists()


def describe_versions(user: Any) -> list[dict[str, Any]]:
    """Return the versions present: size, licence, speed on this machine, and which of the user's projects use them."""
    default = default_model_version()
    users: dict[int, list[dict[str, Any]]] = {}
    for project in visible_projects(user).filter(archived_at=None).only("pk", "name", "model_version_id"):
        pk = project.model_version_id or (default.pk if default else 0)
        is_pinned = project.model_version_id is not None
        users.setdefault(pk, []).append({"id": project.pk, "name": project.name, "is_pinned": is_pinned})
    return [
        {
            "id": row.pk,
            "name": row.name,
            "version": row.version,
            "licence": row.licence,
            "image_size": row.image_size,
            "embed_dim": row.embed_dim,
            "bytes": sum(file.get("bytes", 0) for file in row.manifest.get("files", [])),
            "disk_bytes": _size_on_disk(row),
            "is_default": default is not None and row.pk == default.pk,
            "projects": users.get(row.pk, []),
            **_speed(row),
        }
        for row in ModelVersion.objects.all()
    ]


def _size_on_disk(version: ModelVersion) -> int:
    """Return the bytes of all its graphs, the image encoder's among them; 0 when its folder has gone."""
    folder = model_folder(version.version)
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) if folder.is_dir() else 0


def _speed(version: ModelVersion) -> dict[str, Any]:
    rows = ImageEmbedding.objects.filter(model_version=version, status=EmbeddingStatus.READY, crop_box="full")
    newest = rows.order_by("-pk").values_list("encode_ms", flat=True)[:LATEST_TIMES]
    times = [ms for ms in newest if ms is not None]
    return {"embedded": rows.count(), "encode_ms": median(times) if times else None}
