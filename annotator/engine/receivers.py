"""What this room does when others change: late embeddings, versions pinned anew, other stages, members who leave."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from annotator.engine.leases import release_all_of
from annotator.engine.models import MaskRun, RunStatus
from annotator.engine.prefill_requests import ask_for_suggestions, start_embedding
from annotator.engine.selectors import lacks_embeddings
from annotator.inference.models import EmbeddingStatus
from annotator.inference.signals import embedding_changed
from annotator.projects.models import Membership, Project


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


@receiver(post_save, sender=Project)
def suggest_in_new_stage(sender: Any, *, instance: Project, created: bool, **kwargs: Any) -> None:
    """Begin with the suggestions as soon as a project needs them, rather than when the first annotator waits."""
    if not created:
        ask_for_suggestions(instance)


@receiver(post_delete, sender=Membership)
def take_images_back(sender: Any, *, instance: Membership, **kwargs: Any) -> None:
    """Whoever leaves a project leaves no image behind that nobody else can get."""
    release_all_of(instance.user_id, instance.project)
