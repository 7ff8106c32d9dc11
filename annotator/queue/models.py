"""Leases of the queue, what became of submitted images, and who did what."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q

from annotator.clock import is_to_come
from annotator.images.models import Image
from annotator.projects.models import Project, Stage
from annotator.weeks import this_week


class Purpose(models.TextChoices):
    """What an image was taken for."""

    ANNOTATE = "annotate"
    REVIEW = "review"


def _holds() -> Q:
    return is_to_come("expires_at", timedelta(seconds=settings.LEASE_SECONDS))


class LeaseQuerySet(models.QuerySet["Lease"]):
    """Leases by whether they still hold."""

    def living(self) -> "LeaseQuerySet":
        """Return the leases that nobody ended and whose time is not over."""
        return self.filter(_holds(), released_at=None)

    def lapsed(self) -> "LeaseQuerySet":
        """Return the leases whose time is over and that nobody has noted as ended."""
        return self.filter(~_holds(), released_at=None)


class Lease(models.Model):
    """A time-limited claim of one person on one image; at most one is unreleased per image.

    `stage` is the project's when the image was handed out: switching the stage meanwhile does not change it.
    """

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="leases")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="leases")
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.ANNOTATE)
    stage = models.CharField(max_length=20, choices=Stage.choices, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    objects = LeaseQuerySet.as_manager()

    class Meta:
        db_table = "engine_lease"
        constraints = [
            models.UniqueConstraint(fields=["image"], condition=Q(released_at=None), name="lease_once_while_active")
        ]
        indexes = [models.Index(fields=["user", "released_at"]), models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return f"image {self.image_id} held by {self.user_id}"


class Verdict(models.TextChoices):
    """What the reviewer decided."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    MENDED = "mended"
    RETURNED = "returned"
    NOT_SAMPLED = "not_sampled"


class Submission(models.Model):
    """One time that somebody called an image done, and the reviewer's verdict on it.

    `is_latest` is false once the image was submitted again; a returned image belongs to `user` until then. `masks` are
    the accepted ones of that moment.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="submissions")
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    stage = models.CharField(max_length=20, choices=Stage.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    week = models.DateField(default=this_week)
    masks = models.PositiveIntegerField(default=0)
    is_latest = models.BooleanField(default=True)
    verdict = models.CharField(max_length=11, choices=Verdict.choices, default=Verdict.WAITING)
    reviewer = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    comment = models.TextField(blank=True, max_length=5000)
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "engine_submission"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["image"], condition=Q(is_latest=True), name="submission_latest_once")
        ]
        indexes = [
            models.Index(fields=["project", "is_latest", "verdict", "week", "masks"]),
            models.Index(fields=["project", "reviewed_at"]),
            models.Index(fields=["verdict", "is_latest"]),
            models.Index(fields=["user", "created_at"]),
        ]

    def __str__(self) -> str:
        return f"image {self.image_id} by {self.user_id}: {self.verdict}"


class WorkEvent(models.Model):
    """Something a person did with an image or mask; statistics counts these rows."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="work_events")
    image = models.ForeignKey(Image, null=True, on_delete=models.CASCADE, related_name="work_events")
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=30)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "engine_workevent"
        indexes = [
            models.Index(fields=["project", "kind", "created_at"]),
            models.Index(fields=["project", "created_at"]),
            models.Index(fields=["image", "kind"]),
        ]

    def __str__(self) -> str:
        return self.kind
