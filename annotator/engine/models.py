"""Leases of the queue, background jobs, work events and latency samples."""

from django.db import models
from django.db.models import Q

from annotator.images.models import Image
from annotator.projects.models import Project


class Lease(models.Model):
    """A time-limited claim of one person on one image; at most one is unreleased per image."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="leases")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="leases")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["image"], condition=Q(released_at=None), name="lease_once_while_active")
        ]
        indexes = [models.Index(fields=["user", "released_at"]), models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return f"image {self.image_id} held by {self.user_id}"


class JobStatus(models.TextChoices):
    """Life of a job."""

    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN_STATUSES = (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.PAUSED)


class Job(models.Model):
    """A long piece of background work of one project, with progress.

    `report` is what it found or made, `state` where it goes on after a break, `key` what may be done only once at a
    time (empty: as often as one likes), `task` the background task that does it, `runner` the process that holds it.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="jobs")
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=100, blank=True)
    task = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=JobStatus.choices, default=JobStatus.PENDING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    params = models.JSONField(default=dict)
    report = models.JSONField(default=dict)
    state = models.JSONField(default=dict)
    error = models.TextField(blank=True)
    runner = models.CharField(max_length=120, blank=True)
    beat_at = models.DateTimeField(null=True)
    enqueued_at = models.DateTimeField(null=True)
    crashes = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["project", "kind", "status"]), models.Index(fields=["status", "beat_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "key"],
                condition=Q(status__in=("pending", "running", "paused")) & ~Q(key=""),
                name="job_once_while_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status} {self.done}/{self.total}"


class WorkEvent(models.Model):
    """Something a person did with an image or mask; the dashboards count these rows."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="work_events")
    image = models.ForeignKey(Image, null=True, on_delete=models.CASCADE, related_name="work_events")
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=30)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["project", "kind", "created_at"]),
            models.Index(fields=["image", "kind"]),
        ]

    def __str__(self) -> str:
        return self.kind


class LatencySample(models.Model):
    """One latency as a browser measured it."""

    project = models.ForeignKey(Project, null=True, on_delete=models.CASCADE, related_name="latency_samples")
    user = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    kind = models.CharField(max_length=30)
    engine = models.CharField(max_length=40)
    browser = models.CharField(max_length=80)
    model_version = models.CharField(max_length=80, blank=True)
    value_ms = models.FloatField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["project", "kind", "created_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.value_ms} ms"
