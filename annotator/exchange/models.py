"""Finished exports and past imports, each done by one job, and the numbers that things carry in files."""

from django.db import models

from annotator.images.models import Image
from annotator.jobs.models import Job
from annotator.projects.models import Label, Project


class ExportFile(models.Model):
    """A downloadable export."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="exports")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="export_files")
    format = models.CharField(max_length=20)
    name = models.CharField(max_length=255)
    file = models.FileField(max_length=255)
    byte_size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class ExportLink(models.Model):
    """An address by which anybody may download one file until `expires_at`; `ended_at` is set when it ends earlier."""

    file = models.ForeignKey(ExportFile, on_delete=models.CASCADE, related_name="links")
    created_by = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link {self.pk} to {self.file_id}"


class ImportRun(models.Model):
    """One import: the file, what was asked, what it would do (`preview`), what came of it (in the job's report).

    The file was uploaded (`file`) or lies below INGEST_ROOT (`folder`, a folder's or a file's place there).
    `job` is the latest job: first the preview's, then the import's. `rows_file` lists every row not taken.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="imports")
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="import_runs")
    format = models.CharField(max_length=20)
    name = models.CharField(max_length=255)
    file = models.FileField(max_length=255, blank=True)
    folder = models.CharField(max_length=1000, blank=True, default="")
    options = models.JSONField(default=dict)
    preview = models.JSONField(default=dict)
    rows_file = models.FileField(max_length=255, blank=True)
    started_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class NumberCounter(models.Model):
    """The next number of a kind in a project; it only ever rises, whatever is deleted."""

    class Kind(models.TextChoices):
        """What is numbered. NO_LABEL counts nothing: it keeps the category id of masks without a label."""

        LABEL = "label"
        CLASS = "class"
        IMAGE = "image"
        MASK = "mask"
        NO_LABEL = "no_label"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    next = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "kind"], name="counter_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.next}"


class LabelNumbers(models.Model):
    """What a label is called in files: its COCO category id, its YOLO class number, the category above it."""

    label = models.OneToOneField(Label, primary_key=True, on_delete=models.CASCADE, related_name="numbers")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    number = models.BigIntegerField(null=True)
    class_number = models.PositiveIntegerField(null=True)
    supercategory = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="label_number_once"),
            models.UniqueConstraint(fields=["project", "class_number"], name="class_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.class_number}"

    @property
    def is_complete(self) -> bool:
        """Say whether the label has both numbers."""
        return self.number is not None and self.class_number is not None


class ImageNumbers(models.Model):
    """A photo's number in files, and those of its masks: 24 bytes each, the mask's id and its number."""

    image = models.OneToOneField(Image, primary_key=True, on_delete=models.CASCADE, related_name="numbers")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    number = models.BigIntegerField(null=True)
    masks = models.BinaryField(default=bytes)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "number"], name="image_number_once")]

    def __str__(self) -> str:
        return str(self.number)
