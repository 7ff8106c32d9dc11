"""What this room does when others change: it notes who cancelled an improvement, and forgets pictures of images."""

from typing import Any

from django.db.models.signals import pre_delete
from django.dispatch import receiver

from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.images.models import Image
from annotator.jobs.models import Job
from annotator.jobs.signals import job_cancelled
from annotator.training.models import Improvement


@receiver(job_cancelled)
def note_cancelled_improvement(sender: Any, *, job: Job, **kwargs: Any) -> None:
    """Record that an improvement was cancelled, by whichever door."""
    row = Improvement.objects.filter(job=job).select_related("project", "parent").first()
    if row is not None:
        record_event(Verb.IMPROVEMENT_CANCELLED, row, project=row.project, before={"model": row.parent.version})


@receiver(pre_delete, sender=Image)
def drop_pictures(sender: Any, *, instance: Image, **kwargs: Any) -> None:
    """Delete what comparisons show of an image that goes for good."""
    from annotator.training.improvements import drop_pictures_of  # knows what makes masks; every process imports this

    drop_pictures_of(instance.pk, instance.project_id)
