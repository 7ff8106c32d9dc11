"""Remove embeddings that are done with. What is asked for again later is made anew."""

import logging

from django.core.files.storage import default_storage

from annotator.inference.models import EmbeddingStatus, ImageEmbedding

logger = logging.getLogger(__name__)
ENDED = (EmbeddingStatus.READY, EmbeddingStatus.FAILED)


def remove_embedding(row: ImageEmbedding) -> bool:
    """Remove the row, then its file, so that a crash between leaves no row without one; False where it changed since.

    A row that waits or is being made stays as well.
    """
    removed, _ = ImageEmbedding.objects.filter(pk=row.pk, updated_at=row.updated_at, status__in=ENDED).delete()
    if removed and row.file:
        _delete_file(str(row.file.name))
    return bool(removed)


def _delete_file(name: str) -> None:
    """Delete the file; a store that fails leaves it lying, rather than ending whoever clears."""
    try:
        default_storage.delete(name)
    except Exception:
        logger.exception("the file of a removed embedding stays", extra={"file": name})
