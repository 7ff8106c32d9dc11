"""What this room does when others change: late embeddings, versions chosen anew, other stages.

Every process imports this at its start, so what makes masks is imported inside the functions.
"""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from annotator.automatic.models import MaskRun, RunStatus
from annotator.inference.models import EmbeddingStatus, ModelVersion
from annotator.inference.signals import default_changed, embedding_changed
from annotator.projects.models import Project
from annotator.projects.signals import model_chosen


@receiver(embedding_changed)
def forget_failed_runs(sender: Any, *, sha256: str, crop_box: str, status: str, **kwargs: Any) -> None:
    """Let pre-filling try again once a failed embedding has been made after all."""
    if status == EmbeddingStatus.READY and crop_box == "full":
        MaskRun.objects.filter(image__picture=sha256, status=RunStatus.FAILED).delete()


@receiver(model_chosen)
def end_embedding_of_earlier_choice(sender: Any, *, project: Project, **kwargs: Any) -> None:
    """Another version was chosen for a project: nothing is embedded for the one before, and a few photos are timed."""
    from annotator.automatic.embedding_jobs import begin_choice

    begin_choice(Project.objects.filter(pk=project.pk))


@receiver(default_changed)
def end_embedding_of_earlier_default(sender: Any, *, version: ModelVersion, **kwargs: Any) -> None:
    """Another version is the default: the same for every project that follows it."""
    from annotator.automatic.embedding_jobs import begin_choice
    from annotator.automatic.reembedding import following_projects

    begin_choice(following_projects())


@receiver(post_save, sender=Project)
def suggest_in_new_stage(sender: Any, *, instance: Project, created: bool, **kwargs: Any) -> None:
    """Begin with the suggestions as soon as a project needs them, rather than when the first annotator waits."""
    from annotator.automatic.prefill_requests import ask_for_suggestions

    if not created:
        ask_for_suggestions(instance)
