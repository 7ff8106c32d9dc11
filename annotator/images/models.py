"""Photos of a project. Files are addressed by content; names are for display only."""

from django.db import models

from annotator.projects.models import Project, Stage


class ImageStatus(models.TextChoices):
    """What is known of the photo itself."""

    NEW = "new"
    READY = "ready"
    FAILED = "failed"


class WorkStatus(models.TextChoices):
    """Where the photo stands in the queue."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    REVIEWED = "reviewed"


class Image(models.Model):
    """One photo; width and height are those of the upright photo (EXIF orientation applied)."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="images")
    name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    byte_size = models.PositiveBigIntegerField()
    format = models.CharField(max_length=10)
    exif_orientation = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=10, choices=ImageStatus.choices, default=ImageStatus.NEW)
    work_status = models.CharField(max_length=12, choices=WorkStatus.choices, default=WorkStatus.NEW)
    error = models.TextField(blank=True)
    tags = models.JSONField(default=list, blank=True)
    stage = models.CharField(max_length=20, choices=Stage.choices, blank=True)
    split = models.CharField(max_length=20, blank=True)
    file = models.FileField(max_length=255)
    position = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    uploaded_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["project", "sha256"], name="image_content_once_per_project")]
        indexes = [
            models.Index(fields=["project", "position"]),
            models.Index(fields=["project", "work_status", "position"]),
            models.Index(fields=["sha256"]),
        ]

    def __str__(self) -> str:
        return self.name
