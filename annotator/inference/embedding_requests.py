"""Ask for embeddings. The row is the request: asking twice asks once, and a lost task is found by its waiting row."""

from annotator.inference.lacking_models import queue_of
from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.spent_crops import note_use
from annotator.inference.tasks import embed_image

BACKGROUND = 0
BEHIND_WHOLE_PHOTOS = -50
SOMEBODY_WAITS = 50


def enqueue_embedding(embedding_id: int, version_id: int, *, priority: int) -> None:
    """Enqueue the task of a waiting embedding, for a worker that has the model."""
    embed_image.using(priority=priority, queue_name=queue_of(version_id)).enqueue(embedding_id)


def request_embedding(
    sha256: str, version: ModelVersion, *, crop_box: str = "full", priority: int = BACKGROUND
) -> ImageEmbedding:
    """Return the embedding's row, making and enqueuing it when there is none; a ready crop counts as used."""
    row, is_new = ImageEmbedding.objects.get_or_create(sha256=sha256, model_version=version, crop_box=crop_box)
    if is_new:
        enqueue_embedding(row.pk, version.pk, priority=priority)
    else:
        note_use(row)
    return row


def hurry_embedding(row: ImageEmbedding) -> None:
    """Move a waiting embedding to the front, because somebody has opened its image."""
    if row.status == EmbeddingStatus.PENDING:
        enqueue_embedding(row.pk, row.model_version_id, priority=SOMEBODY_WAITS)


def retry_embedding(row: ImageEmbedding) -> bool:
    """Ask again for an embedding that failed; return whether it had."""
    return _ask_again(row, EmbeddingStatus.FAILED)


def remake_embedding(row: ImageEmbedding) -> None:
    """Ask again for an embedding whose file has gone."""
    _ask_again(row, EmbeddingStatus.READY)


def _ask_again(row: ImageEmbedding, status: EmbeddingStatus) -> bool:
    changed = ImageEmbedding.objects.filter(pk=row.pk, status=status).update(
        status=EmbeddingStatus.PENDING, attempts=0, error=""
    )
    if changed:
        enqueue_embedding(row.pk, row.model_version_id, priority=SOMEBODY_WAITS)
    return bool(changed)
