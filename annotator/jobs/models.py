"""Background jobs: the rows of all long work."""

from django.db import models
from django.db.models import Q

from annotator.projects.models import Project


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
    """A long piece of background work, of one project or of the server as a whole, with progress.

    `report` is what it found or made, `state` where it goes on after a break, `key` what may be done only once at a
    time (empty: as often as one likes), `task` the background task that does it, `queue_name` that task's queue where
    it is not the default one, `runner` the process that holds it. `error` also says what a job that is open waits for.
    """

    project: "models.ForeignKey[Project, Project]" = models.ForeignKey(  # type: ignore[misc]  # installs never ask
        Project, null=True, on_delete=models.CASCADE, related_name="jobs"
    )
    kind = models.CharField(max_length=30)
    key = models.CharField(max_length=100, blank=True)
    task = models.CharField(max_length=200, blank=True)
    queue_name = models.CharField(max_length=32, blank=True)
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
        db_table = "engine_job"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["project", "kind", "status"]), models.Index(fields=["status", "beat_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "key"],
                condition=Q(status__in=("pending", "running", "paused")) & ~Q(key=""),
                name="job_once_while_open",
            ),
            models.UniqueConstraint(
                fields=["kind", "key"],
                condition=Q(status__in=("pending", "running", "paused"), project=None) & ~Q(key=""),
                name="server_job_once_while_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status} {self.done}/{self.total}"
