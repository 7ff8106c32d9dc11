"""What the model made alone: one run per image and kind, and the sample that people correct."""

from django.db import models
from django.db.models import Q

from annotator.images.models import Image
from annotator.inference.models import ModelVersion
from annotator.jobs.models import Job


class RunKind(models.TextChoices):
    """Suggestions for people, or annotations of their own."""

    PREFILL = "prefill"
    AUTOMATIC = "automatic"


class RunStatus(models.TextChoices):
    """How a run ended; a row is written only with its masks, in one transaction."""

    DONE = "done"
    FAILED = "failed"
    REPLACED = "replaced"


class MaskRun(models.Model):
    """Automatic masks of one image by one model and one set of thresholds (`digest` names both)."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="mask_runs")
    kind = models.CharField(max_length=9, choices=RunKind.choices)
    digest = models.CharField(max_length=64)
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    settings = models.JSONField(default=dict)
    status = models.CharField(max_length=8, choices=RunStatus.choices)
    mask_count = models.PositiveIntegerField(default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    job = models.ForeignKey(Job, null=True, on_delete=models.SET_NULL, related_name="mask_runs")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "engine_maskrun"
        constraints = [
            models.UniqueConstraint(
                fields=["image", "kind"], condition=~Q(status="replaced"), name="mask_run_once_per_image"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of image {self.image_id}: {self.mask_count}"


class CorrectionSample(models.Model):
    """An automatically annotated image that people correct, and how much they changed.

    Pairs are automatic masks with their corrected selves; masks that people deleted or added are counted beside them.
    """

    image = models.OneToOneField(Image, on_delete=models.CASCADE, related_name="correction_sample")
    run = models.ForeignKey(MaskRun, on_delete=models.CASCADE, related_name="samples")
    created_at = models.DateTimeField(auto_now_add=True)
    measured_at = models.DateTimeField(null=True)
    pairs = models.PositiveIntegerField(default=0)
    over_90 = models.PositiveIntegerField(default=0)
    over_75 = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    mean_iou = models.FloatField(null=True)

    class Meta:
        db_table = "engine_correctionsample"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"image {self.image_id}: {self.pairs} pairs"
