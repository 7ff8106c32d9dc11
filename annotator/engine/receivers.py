"""What this room does when others change: embeddings that arrive at last, versions that are pinned anew."""

from typing import Any

from django.dispatch import receiver

from annotator.engine.models import MaskRun, RunStatus
from annotator.inference.models import EmbeddingStatus
from annotator.inference.signals import embedding_changed


@receiver(embedding_changed)
def forget_failed_runs(sender: Any, *, sha256: str, crop_box: str, status: str, **kwargs: Any) -> None:
    """Let pre-filling try again once a failed embedding has been made after all."""
    if status == EmbeddingStatus.READY and crop_box == "full":
        MaskRun.objects.filter(image__sha256=sha256, status=RunStatus.FAILED).delete()
