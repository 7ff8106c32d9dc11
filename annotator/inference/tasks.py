"""Background tasks of this room; thin, idempotent, keyed by the row they fill."""

from datetime import timedelta

from django.utils import timezone
from django_tasks import task

from annotator.inference.models import EmbeddingStatus, ImageEmbedding
from annotator.inference.services import compute_embedding

RETRY_SECONDS = (5, 60, 300)


@task()
def embed_image(embedding_id: int) -> str:
    """Compute one embedding; after a failure that may pass, ask again a little later."""
    status = compute_embedding(embedding_id)
    if status == EmbeddingStatus.PENDING:
        attempts = ImageEmbedding.objects.filter(pk=embedding_id).values_list("attempts", flat=True).first() or 0
        delay = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
        embed_image.using(run_after=timezone.now() + timedelta(seconds=delay)).enqueue(embedding_id)
    return status or "nothing to do"
