"""Ask for embeddings. The row is the request: asking twice asks once, and a lost task is found by its waiting row."""

from annotator.inference.models import EmbeddingStatus, ImageEmbedding, ModelVersion
from annotator.inference.spent_crops import note_use
from annotator.inference.tasks import embed_image

BACKGROUND = 0
BEHIND_WHOLE_PHOTOS = -50
SOMEBODY_WAITS = 50


def request_embedding(
    sha256: str, version: ModelVersion, *, crop_box: str = "full", priority: int = BACKGROUND
) -> ImageEmbedding:
    """Return the embedding's row, making and enqueuing it when there is none; a ready crop counts as used."""
    row, is_new = ImageEmbedding.objects.get_or_create(sha256=sha256, model_version=version, crop_box=crop_box)
    if is_new:
        embed_image.using(priority=priority).enqueue(row.pk)
    else:
        note_use(row)
    return row


def hurry_embedding(row: ImageEmbedding) -> None:
    """Move a waiting embedding to the front, because somebody has opened its image."""
    if row.status == EmbeddingStatus.PENDING:
        embed_image.using(priority=SOMEBODY_WAITS).enqueue(row.pk)


def retry_embedding(row: ImageEmbedding) -> bool:
    """Ask again for an embedding that failed; return whether it had."""
    changed = ImageEmbedding.objects.filter(pk=row.pk, status=EmbeddingStatus.FAILED).update(
        status=EmbeddingStatus.PENDING, attempts=0, error=""
    )
    if changed:
        embed_image.using(priority=SOMEBODY_WAITS).enqueue(row.pk)
    return bool(changed)


def remake_embedding(row: ImageEmbedding) -> None:
    """Ask again for an embedding whose file has gone."""
    changed = ImageEmbedding.objects.filter(pk=row.pk, status=EmbeddingStatus.READY).update(
        status=EmbeddingStatus.PENDING, attempts=0, error=""
    )
    if changed:
        embed_image.using(priority=SOMEBODY_WAITS).enqueue(row.pk)
