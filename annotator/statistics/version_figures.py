"""What is known of each model version here: where it comes from, its speed, and what people made with it.

Everything is read from sums or from a bounded number of the latest measurements: nothing grows with a project.
"""

from collections import defaultdict
from typing import Any

from annotator.accounts.models import User
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.selectors import default_model_version, measured_speed, model_folder
from annotator.projects.access import visible_projects
from annotator.statistics.latency import percentile
from annotator.statistics.mask_sums import empty_row, sums_of_versions
from annotator.statistics.models import LatencySample

EMBEDDED_COUNTED = 10_000  # beyond that it does not matter how many there are
LATEST_CLICKS = 2000
MOST_OF_ONE_PERSON = 200  # so that one busy person, or a script, does not speak for all
CLICK = "decode_click"
OF_MASKS = ("masks", "acceptance_rate", "seconds_per_mask")


def describe_versions(user: User) -> list[dict[str, Any]]:
    """Return the versions present, newest first, with what the person may know of their use."""
    default, users = default_model_version(), _users(user)
    made = sums_of_versions(visible_projects(user).order_by().values("pk"))
    return [
        {
            **{name: getattr(row, name) for name in SHOWN},
            "id": row.pk,
            "parent": row.parent.version if row.parent else None,
            "bytes": sum(file.get("bytes", 0) for file in row.manifest.get("files", [])),
            "disk_bytes": _size_on_disk(row),
            "is_default": default is not None and row.pk == default.pk,
            "projects": users.get(row.pk, []) + (users.get(None, []) if default and row.pk == default.pk else []),
            "embedded": _count_embedded(row),
            "encode_ms": measured_speed(row).median_ms,
            "decode": decode_figures(row.version),
            **{name: made.get(row.pk, empty_row())[name] for name in OF_MASKS},
        }
        for row in ModelVersion.objects.select_related("parent")
    ]


SHOWN = (
    "name", "number", "version", "training", "weights_licence", "data_licence", "figures", "image_size", "embed_dim",
)  # fmt: skip


def decode_figures(version: str) -> dict[str, Any]:
    """Return p50 and p95 of the latest clicks that browsers decoded with a version, as they told.

    Of each person the latest MOST_OF_ONE_PERSON count; what the server decoded for a browser does not.
    """
    rows = LatencySample.objects.filter(model_version=version, kind=CLICK).exclude(engine__startswith="server")
    by_person: dict[int | None, list[float]] = defaultdict(list)
    for person, value in rows.order_by("-pk").values_list("user_id", "value_ms")[:LATEST_CLICKS]:
        if len(by_person[person]) < MOST_OF_ONE_PERSON:
            by_person[person].append(value)
    values = [value for own in by_person.values() for value in own]
    return {
        "clicks": len(values),
        "people": len(by_person),
        "p50_ms": percentile(values, 0.50) if values else None,
        "p95_ms": percentile(values, 0.95) if values else None,
    }


def _users(user: User) -> dict[int | None, list[dict[str, Any]]]:
    """Return the person's projects by the version that they pin; None: by those that follow the default."""
    users: dict[int | None, list[dict[str, Any]]] = defaultdict(list)
    for project in visible_projects(user).filter(archived_at=None).only("pk", "name", "model_version_id"):
        pk = project.model_version_id
        users[pk].append({"id": project.pk, "name": project.name, "is_pinned": pk is not None})
    return users


def _count_embedded(version: ModelVersion) -> int:
    rows = ImageEmbedding.objects.filter(model_version=version, status=EmbeddingStatus.READY, crop_box="full")
    return rows.order_by()[:EMBEDDED_COUNTED].count()


def _size_on_disk(version: ModelVersion) -> int:
    """Return the bytes of all its files, weights and image encoder among them; 0 when they are gone."""
    if version.files:
        return sum(file["bytes"] for file in version.files)
    folder = model_folder(version.version)
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) if folder.is_dir() else 0
