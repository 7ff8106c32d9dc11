"""What this room does when others change: embeddings that arrive at last, versions that are pinned anew."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from annotator.engine.models import MaskRun, RunStatus
from annotator.engine.prefill_requests import start_embedding
from annotator.engine.selectors import lacks_embeddings
from annotator.inference.models import EmbeddingStatus
from annotator.inference.signals import embedding_changed
from annotator.projects.models import Project


@receiver(embedding_changed)
def forget_failed_runs(sender: Any, *, sha256: str, crop_box: str, status: str, **kwargs: Any) -> None:
    """Let pre-filling try again once a failed embedding has been made after all."""
    if status == EmbeddingStatus.READY and crop_box == "full":
        MaskRun.objects.filter(image__sha256=sha256, status=RunStatus.FAILED).delete()


@receiver(post_save, sender=Project)
def embed_for_new_version(sender: Any, *, instance: Project, created: bool, **kwargs: Any) -> None:
    """Embed a project with the version that was just pinned; what was embedded before stays usable."""
    if not created and instance.model_version_id and lacks_embeddings(instance):
        start_embedding(instance, None)
