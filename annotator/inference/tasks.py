"""Background tasks of this room; thin, idempotent, keyed by the row they fill.

Each model version has a queue of its own, so that a worker which lacks the model's files leaves its embeddings to
others. Jobs that met such a worker are handed on through the same queue (annotator/jobs/services.py).
"""

from datetime import timedelta

from django.utils import timezone
from django_tasks import task

from annotator.inference.lacking_models import ModelAwayError, queue_of
from annotator.inference.models import EmbeddingStatus, ImageEmbedding
from annotator.inference.services import compute_embedding

RETRY_SECONDS = (5, 60, 300)
LEFT_TO_OTHERS_SECONDS = 5


@task()
def embed_image(embedding_id: int) -> str:
    """Compute one embedding; after a failure that may pass, ask again a little later."""
    try:
        status = compute_embedding(embedding_id)
    except ModelAwayError:
        _ask_later(embedding_id, LEFT_TO_OTHERS_SECONDS)
        return "left to others"
    if status == EmbeddingStatus.PENDING:
        attempts = ImageEmbedding.objects.filter(pk=embedding_id).values_list("attempts", flat=True).first() or 0
        _ask_later(embedding_id, RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1])
    return status or "nothing to do"


def _ask_later(embedding_id: int, seconds: int) -> None:
    version_id = ImageEmbedding.objects.filter(pk=embedding_id).values_list("model_version_id", flat=True).first()
    if version_id is not None:
        later = timezone.now() + timedelta(seconds=seconds)
        embed_image.using(run_after=later, queue_name=queue_of(version_id)).enqueue(embedding_id)
