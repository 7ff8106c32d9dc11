"""Photos of a project. Files are addressed by content; a photo itself is known by its path inside the project."""

from typing import cast

from django.db import models

from annotator.photos.naming import MAX_NAME_LENGTH, MAX_PATH_LENGTH, name_key
from annotator.photos.picture_names import MAX_PICTURE_LENGTH, SHA256_LENGTH, picture_name
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


class NameKeyField(models.CharField[str, str]):
    """The key of the row's `name`, written with every save: photos whose names are alike share it."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return the key, and set it on the row."""
        key = name_key(getattr(model_instance, "name"))  # noqa: B009 (any row that has a name)
        setattr(model_instance, self.attname, key)
        return key


class PictureField(models.CharField[str, str]):
    """The name of what is shown of the row's file (annotator/photos/readings.py), written with every save."""

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        """Return the picture's name, and set it on the row."""
        row = cast("Image", model_instance)
        name = picture_name(row.sha256, row.reading)
        setattr(row, self.attname, name)
        return name


class Image(models.Model):
    """One photo; width and height are those of the upright photo (EXIF orientation applied).

    `name` is its path inside the project, such as day1/001.png. Two photos may have the same content (`sha256`): they
    share its files and its embedding, and are two images all the same. `reading` says how the file is read and
    `picture` names what comes of it; previews and embeddings belong to the picture. `depth` is bits per sample, 0 for
    photos from before it was kept.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="images")
    name = models.CharField(max_length=MAX_PATH_LENGTH)
    name_key = NameKeyField(max_length=MAX_NAME_LENGTH, editable=False)
    sha256 = models.CharField(max_length=64)
    reading = models.CharField(max_length=50, blank=True)
    picture = PictureField(max_length=MAX_PICTURE_LENGTH, editable=False)
    depth = models.PositiveSmallIntegerField(default=0)
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
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="image_path_once_per_project")]
        indexes = [
            models.Index(fields=["project", "position"]),
            models.Index(fields=["project", "work_status", "position"]),
            models.Index(fields=["project", "name_key"]),
            models.Index(fields=["project", "byte_size"]),
            models.Index(fields=["sha256"]),
            models.Index(fields=["picture"]),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def picture_tag(self) -> str:
        """Return a short name of the picture for addresses, which changes when the picture does."""
        return self.sha256[:12] + self.picture[SHA256_LENGTH:]
