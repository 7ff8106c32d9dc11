"""What this room does when others change: nobody who leaves keeps an image from the others."""

from typing import Any

from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from annotator.accounts.access_ended import access_ended
from annotator.accounts.models import User
from annotator.projects.models import Membership, Project
from annotator.projects.signals import project_binned
from annotator.queue.leases import release_all_of, release_expired
from annotator.queue.models import Lease


@receiver(project_binned)
def end_leases(sender: Any, *, project: Project, **kwargs: Any) -> None:
    """Nobody holds an image of a project in the bin."""
    Lease.objects.filter(image__project=project, released_at=None).update(released_at=timezone.now())
    release_expired(project)


@receiver(post_delete, sender=Membership)
def take_images_back(sender: Any, *, instance: Membership, **kwargs: Any) -> None:
    """Whoever leaves a project leaves no image behind that nobody else can get."""
    release_all_of(instance.user_id, instance.project)


@receiver(access_ended)
def take_images_of_the_deactivated_back(
    sender: Any, *, user_id: int, session_digest: str | None, **kwargs: Any
) -> None:
    """Whoever is deactivated leaves no image behind either; a new password takes nothing away."""
    if session_digest is None and not User.objects.filter(pk=user_id, is_active=True).exists():
        held = Project.objects.filter(images__leases__user=user_id, images__leases__released_at=None)
        for project in held.distinct():
            release_all_of(user_id, project)
