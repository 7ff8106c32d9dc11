"""Finished exports and past imports, each done by one job."""

from django.db import models

from annotator.engine.models import Job
from annotator.projects.models import Project


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
