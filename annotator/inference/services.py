"""Compute embeddings, each exactly once per image content, model version and crop box.

Statuses change by compare-and-set, so that a task which runs twice does its work once.
"""

import logging
import time

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import F
from django.utils import timezone

from annotator import sam_gateway
from annotator.contents import services as contents
from annotator.full_disk import explain_full_disk, is_disk_full
from annotator.inference.crop_names import parse_crop_name
from annotator.inference.model_store import drop_damaged, own_folder
from annotator.inference.models import EmbeddingStatus, ImageEmbedding
from annotator.inference.signals import embedding_changed
from annotator.photos import store
from annotator.photos.errors import PhotoRefusedError
from annotator.photos.originals import load_stored_rgb

logger = logging.getLogger(__name__)


def compute_embedding(embedding_id: int) -> EmbeddingStatus | None:
    """Compute one embedding if it is waiting; return its new status, or None when there was nothing to do.

    A failure that may pass leaves the row pending until MAX_TASK_ATTEMPTS is reached. Raises ModelAwayError, and leaves
    the row alone, where this machine cannot have the model's files.
    """
    _see_to_model(embedding_id)
    row = _claim(embedding_id)
    if row is None:
        return None
    _tell(row)
    try:
        _encode_and_store(row)
    except PhotoRefusedError as error:
        _give_up(row, error.message)
    except sam_gateway.ModelMissingError as error:
        _give_up(row, str(error))
    except FileNotFoundError as error:
        _give_up(row, f"A file of the photo or of the model is missing: {_short_name(error)}")
    except Exception as error:
        if is_disk_full(error):
            _wait_for_space(row)
            return EmbeddingStatus.PENDING
        logger.exception("embedding failed", extra={"key": row.key, "attempt": row.attempts})
        drop_damaged(row.model_version)
        is_last = row.attempts >= settings.MAX_TASK_ATTEMPTS
        _set(row, EmbeddingStatus.FAILED if is_last else EmbeddingStatus.PENDING, error=_reason(error))
    _tell(row)
    return EmbeddingStatus(row.status)


def _see_to_model(embedding_id: int) -> None:
    waiting = ImageEmbedding.objects.filter(pk=embedding_id, status=EmbeddingStatus.PENDING)
    row = waiting.select_related("model_version").first()
    if row is not None:
        own_folder(row.model_version)


def _claim(embedding_id: int) -> ImageEmbedding | None:
    claimed = ImageEmbedding.objects.filter(pk=embedding_id, status=EmbeddingStatus.PENDING).update(
        status=EmbeddingStatus.RUNNING, attempts=F("attempts") + 1, updated_at=timezone.now()
    )
    return ImageEmbedding.objects.select_related("model_version").get(pk=embedding_id) if claimed else None


def _encode_and_store(row: ImageEmbedding) -> None:
    import numpy as np

    name = f"embeddings/{row.sha256[:2]}/{row.key}.npy"
    started = time.perf_counter()
    crop, is_flipped = parse_crop_name(row.crop_box)
    image = np.asarray(load_stored_rgb(row.sha256))
    folder = own_folder(row.model_version)
    data = sam_gateway.encode_image(
        image, folder, crop_box_xyxy=crop, is_flipped=is_flipped, threads=settings.INFERENCE_THREADS
    )
    row.file.name = default_storage.save(name, ContentFile(data))
    row.byte_size = len(data)
    row.encode_ms = round((time.perf_counter() - started) * 1000)
    if not _set(row, EmbeddingStatus.READY, error=""):
        _drop_file_of_gone(row)


def _short_name(error: FileNotFoundError) -> str:
    """Return folder and file; where the server keeps its data is nobody's business."""
    return "/".join(str(error.filename or error).split("/")[-2:])


def _give_up(row: ImageEmbedding, message: str) -> None:
    _set(row, EmbeddingStatus.FAILED, error=message)


def _wait_for_space(row: ImageEmbedding) -> None:
    """Leave the row waiting: a full disk is no fault of the photo's, so the try does not count."""
    logger.warning("no space for an embedding", extra={"key": row.key})
    row.file.name = ""
    _set(row, EmbeddingStatus.PENDING, error=explain_full_disk())
    ImageEmbedding.objects.filter(pk=row.pk).update(attempts=F("attempts") - 1)
    _tell(row)


def _set(row: ImageEmbedding, status: EmbeddingStatus, *, error: str) -> bool:
    """Write what came of it; False where the photo was deleted meanwhile, and the row with it."""
    row.status, row.error = status, error
    names = ("status", "error", "file", "byte_size", "encode_ms")
    values = {name: getattr(row, name) for name in names}
    return bool(ImageEmbedding.objects.filter(pk=row.pk).update(**values, updated_at=timezone.now()))


def _drop_file_of_gone(row: ImageEmbedding) -> None:
    """Remove the file of an embedding whose photo was deleted while it was computed, unless it was asked for anew."""
    same = ImageEmbedding.objects.filter(sha256=row.sha256, model_version=row.model_version, crop_box=row.crop_box)
    with contents.hold_content(contents.content_of(row.sha256)):
        aside = [] if same.exists() else store.set_aside([str(row.file.name)])
        contents.release_picture(row.sha256)
    store.remove_for_good(aside)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:1000]


def _tell(row: ImageEmbedding) -> None:
    embedding_changed.send(
        sender=ImageEmbedding,
        sha256=row.sha256,
        model_version=row.model_version.version,
        crop_box=row.crop_box,
        status=row.status,
    )
