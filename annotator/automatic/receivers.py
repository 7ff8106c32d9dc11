"""What this room does when others change: late embeddings, versions pinned anew, other stages.

Every process imports this at its start, so what makes masks is imported inside the functions.
"""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from annotator.automatic.models import MaskRun, RunStatus
from annotator.inference.models import EmbeddingStatus
from annotator.inference.signals import embedding_changed
from annotator.projects.models import Project


@receiver(embedding_changed)
def forget_failed_runs(sender: Any, *, sha256: str, crop_box: str, status: str, **kwargs: Any) -> None:
    """Let pre-filling try again once a failed embedding has been made after all."""
    if status == EmbeddingStatus.READY and crop_box == "full":
        MaskRun.objects.filter(image__picture=sha256, status=RunStatus.FAILED).delete()


@receiver(post_save, sender=Project)
def embed_for_new_version(sender: Any, *, instance: Project, created: bool, **kwargs: Any) -> None:
    """Embed a project with the version that was just pinned; what was embedded before stays usable."""
    from annotator.automatic.model_versions import lacks_embeddings
    from annotator.automatic.prefill_requests import start_embedding

    if not created and instance.model_version_id and lacks_embeddings(instance):
        start_embedding(instance, None)


@receiver(post_save, sender=Project)
def suggest_in_new_stage(sender: Any, *, instance: Project, created: bool, **kwargs: Any) -> None:
    """Begin with the suggestions as soon as a project needs them, rather than when the first annotator waits."""
    from annotator.automatic.prefill_requests import ask_for_suggestions

    if not created:
        ask_for_suggestions(instance)
