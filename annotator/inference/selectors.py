"""Read model versions and embeddings."""

import re
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Any, NamedTuple

from django.conf import settings
from typing_extensions import TypedDict

from annotator.inference.crop_names import FULL, Crop
from annotator.inference.models import DefaultDecision, EmbeddingStatus, ImageEmbedding, ModelVersion, Training
from annotator.json_types import one_of

LATEST_TIMED = 100
MANY_TIMED = 10
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
    """Return the version that somebody decided on as the default, or None where none is installed."""
    decision = DefaultDecision.objects.filter(taken_back_at=None).select_related("version").first()
    return decision.version if decision else None


def default_before() -> ModelVersion | None:
    """Return the default that taking the last decision back would restore."""
    standing = DefaultDecision.objects.filter(taken_back_at=None).select_related("version")[1:2]
    return next((decision.version for decision in standing), None)


def newer_than_default() -> ModelVersion | None:
    """Return the latest version of the default's model where the default is an earlier one, of no project's own."""
    default = default_model_version()
    if default is None:
        return None
    later = ModelVersion.objects.filter(name=default.name, number__gt=default.number)
    return later.exclude(training=Training.PROJECT).order_by("-number").first()


def model_version_of(project: Any) -> ModelVersion | None:
    """Return the version a project has pinned, or the default one."""
    return project.model_version or default_model_version()


def model_folder(version: str) -> Path:
    """Return the folder of one version's graphs."""
    if not _SAFE_NAME.match(version):
        raise ValueError(f"{version!r} is no model version")
    return Path(settings.MODELS_DIR) / version


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
    """Return the embedding to work with: the chosen version's when ready, else the closest one that is.

    The closest is the latest version of the same model, then the latest of any. So an image can be worked on while a
    newly chosen version is still being embedded. Without any that is ready, the chosen version's row is returned as it
    is, or None.
    """
    rows = list(ImageEmbedding.objects.select_related("model_version").filter(sha256=sha256, crop_box=FULL))
    ready = [row for row in rows if row.status == EmbeddingStatus.READY]
    if ready:
        return max(ready, key=lambda row: _closeness(row.model_version, version))
    return next((row for row in rows if version is not None and row.model_version_id == version.pk), None)


def _closeness(one: ModelVersion, chosen: ModelVersion | None) -> tuple[bool, bool, int]:
    if chosen is None:
        return False, False, one.pk
    is_same_model = one.name == chosen.name
    return one.pk == chosen.pk, is_same_model, one.number if is_same_model else one.pk


def version_in_use(sha256: str, version: ModelVersion | None) -> ModelVersion | None:
    """Return the version that answers for a picture: its embedding's that is ready, else the chosen one."""
    usable = usable_embedding(sha256, version)
    return usable.model_version if usable is not None and usable.status == EmbeddingStatus.READY else version


def version_for_page(sha256: str, version: ModelVersion | None, asked: str) -> ModelVersion | None:
    """Return the version that a page works with: the one that it names, else the one in use.

    A page keeps to the version that it opened a photo with, so that no mask is made by two. None where that version has
    no embedding of the picture that is ready.
    """
    if not asked:
        return version_in_use(sha256, version)
    rows = ImageEmbedding.objects.select_related("model_version")
    ready = rows.filter(sha256=sha256, crop_box=FULL, status=EmbeddingStatus.READY, model_version__version=asked)
    return next((row.model_version for row in ready[:1]), None)


class Speed(NamedTuple):
    """How long an embedding of a version takes on this server; None while none was made."""

    seconds: float | None
    median_ms: float | None
    measured: int


def measured_speed(version: ModelVersion) -> Speed:
    """Return the speed of a version's latest whole photos, LATEST_TIMED at most.

    The mean counts, as hours are sums; of few photos the median, as the first of them waits for the model to load.
    """
    rows = ImageEmbedding.objects.filter(model_version=version, status=EmbeddingStatus.READY, crop_box=FULL)
    newest = rows.order_by("-pk").values_list("encode_ms", flat=True)[:LATEST_TIMED]
    times = [ms for ms in newest if ms is not None]
    if not times:
        return Speed(None, None, 0)
    middle = median(times)
    return Speed((fmean(times) if len(times) >= MANY_TIMED else middle) / 1000, middle, len(times))


def embedding_statuses(hashes: list[str], version: ModelVersion | None) -> dict[str, str]:
    """Return the status of the full embedding of each picture that has one.

    That is the chosen version's, but ready where only another version's is: the picture can be worked on.
    """
    rows = ImageEmbedding.objects.filter(sha256__in=hashes, crop_box=FULL)
    ready = dict(rows.filter(status=EmbeddingStatus.READY).values_list("sha256", "status"))
    chosen = dict(rows.filter(model_version=version).values_list("sha256", "status"))
    failed = {sha256: status for sha256, status in chosen.items() if status == EmbeddingStatus.FAILED}
    return {**chosen, **ready, **failed}


# annotator/photos/readings.py: the file's digest, and how it is read.
PICTURE = r"([0-9a-f]{64}(?:\.[a-z][a-z0-9_.]*)?)"


def parse_key(key: str) -> tuple[str, str, str] | None:
    """Split an embedding key into the name of its picture, model version and crop box."""
    match = re.fullmatch(PICTURE + r"-([A-Za-z0-9._-]+)-(full|\d+_\d+_\d+_\d+(?:_flipped)?)-f16", key)
    return (match[1], match[2], match[3]) if match else None
