"""Keep the embeddings of crops from growing without bound: the least lately used make room, and those left for days go.

A photo's own embedding ("full") stays as long as its photo; one that waits or is being made is never touched. A crop
that is asked for again after it went is made anew.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from annotator.inference.embedding_removal import ENDED, remove_embedding
from annotator.inference.models import EmbeddingStatus, ImageEmbedding

# A pass runs in the thread of the worker's pulse. In a store that takes 30 ms to delete a file this many take 6 s, less
# than WORKER_STALE_SECONDS; and it is more than a worker makes in the half minute between two passes.
AT_ONCE = 200
USE_COUNTS_AFTER = timedelta(hours=1)


def remove_spent_crops() -> int:
    """Remove crops beyond CROP_EMBEDDINGS_KEPT or unused for CROP_EMBEDDING_DAYS, oldest first; return how many."""
    oldest_kept = timezone.now() - timedelta(days=settings.CROP_EMBEDDING_DAYS)
    counts = _ended_crops().aggregate(all=Count("pk"), unused=Count("pk", filter=Q(updated_at__lt=oldest_kept)))
    too_many = max(counts["all"] - settings.CROP_EMBEDDINGS_KEPT, counts["unused"])
    if too_many <= 0:
        return 0
    spent = list(_ended_crops().order_by("updated_at", "pk")[: min(too_many, AT_ONCE)])
    return sum(remove_embedding(row) for row in spent)


def note_use(row: ImageEmbedding) -> None:
    """Make a ready crop count as lately used; written at most once an hour, as the workspace asks often."""
    now = timezone.now()
    if row.crop_box != "full" and row.status == EmbeddingStatus.READY and row.updated_at < now - USE_COUNTS_AFTER:
        ImageEmbedding.objects.filter(pk=row.pk, status=EmbeddingStatus.READY).update(updated_at=now)


def _ended_crops() -> QuerySet[ImageEmbedding]:
    return ImageEmbedding.objects.filter(status__in=ENDED).exclude(crop_box="full")
