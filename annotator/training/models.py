"""Dataset versions: accepted masks frozen as they were, and which photos are kept apart for measuring."""

from django.db import models

from annotator.jobs.models import Job
from annotator.photos.picture_names import SHA256_LENGTH
from annotator.projects.models import Project

MAX_NAME_LENGTH = 100


class DatasetVersion(models.Model):
    """Masks of a project as they were at one moment. The content lies in `file`, whose SHA-256 is `digest`.

    The counts are those of the content. `labels` and `people` are lists of {id, name, masks, held_out} (labels also
    have a color), most masks first; id and name are null for masks without one. `filters` is what was asked for.
    A row that refers to a version (an improvement) keeps it from being deleted: `on_delete=RESTRICT`.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="dataset_versions")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="dataset_versions")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    digest = models.CharField(max_length=SHA256_LENGTH)
    file = models.FileField(max_length=255)
    byte_size = models.PositiveBigIntegerField()
    images = models.PositiveIntegerField()
    masks = models.PositiveIntegerField()
    trained_images = models.PositiveIntegerField()
    held_out_images = models.PositiveIntegerField()
    held_out_masks = models.PositiveIntegerField()
    labels = models.JSONField(default=list)
    people = models.JSONField(default=list)
    filters = models.JSONField(default=dict)
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="dataset_number_once"),
            models.UniqueConstraint(fields=["project", "name"], name="dataset_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class SplitPhoto(models.Model):
    """Whether a photo of a project, by its content, is held out or trained on: decided once, for all versions to come.

    The row stays when versions and images go: a model that was trained on a photo must never be measured on it.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    sha256 = models.CharField(max_length=SHA256_LENGTH)
    is_held_out = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "sha256"], name="split_once_per_photo")]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} {'held out' if self.is_held_out else 'trained'}"


class Improvement(models.Model):
    """One try to make a project's model better with its masks: what was asked for, and what came of it.

    `job` does it. `dataset` are the frozen masks, null until they are frozen; `filters` chooses them; `masks` is how
    many there were when it was asked for. `parent` is what was improved, `version` what came of it: null while it is
    not there, or where it is worse. `result` is what the training process said (run_result.py), `result.comparison`
    the figures. An empty recipe or device let it choose.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="improvements")
    number = models.PositiveIntegerField()
    job = models.OneToOneField(Job, null=True, on_delete=models.SET_NULL, related_name="improvement")
    dataset = models.ForeignKey(DatasetVersion, null=True, on_delete=models.RESTRICT, related_name="improvements")
    parent = models.ForeignKey("inference.ModelVersion", on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey("inference.ModelVersion", null=True, on_delete=models.SET_NULL, related_name="+")
    recipe = models.CharField(max_length=20, blank=True)
    minutes = models.PositiveIntegerField()
    device = models.CharField(max_length=20, blank=True)
    filters = models.JSONField(default=dict)
    masks = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    started_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    is_automatic = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="improvement_number_once")]

    def __str__(self) -> str:
        return f"improvement {self.number}"
