"""What was measured, and sums of masks that make the dashboard fast.

The sums (ImageFigures, MaskFigures, ScoreFigures) may be thrown away at any time: they are counted again from masks.
"""

from django.db import models

from annotator.images.models import Image
from annotator.projects.models import Project, Stage


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
        db_table = "engine_latencysample"
        indexes = [
            models.Index(fields=["project", "kind", "created_at"]),
            models.Index(fields=["model_version", "kind", "-id"], name="latency_of_version"),
            models.Index(fields=["user", "-id"], name="latency_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value_ms} ms"


class ActivityClock(models.Model):
    """Until when (server time) a person's active time is accounted for: nobody is active more than time has passed."""

    user = models.OneToOneField("accounts.User", on_delete=models.CASCADE, related_name="+")
    credited_until = models.DateTimeField()

    class Meta:
        db_table = "engine_activityclock"

    def __str__(self) -> str:
        return f"{self.user_id} until {self.credited_until}"


class ImageFigures(models.Model):
    """What the masks of one image add to the sums; `image` becomes null when the image goes, until it is subtracted."""

    image = models.OneToOneField(Image, null=True, on_delete=models.SET_NULL, related_name="figures")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    mask_count = models.PositiveIntegerField(default=0)
    suggestion_count = models.PositiveIntegerField(default=0)
    mean_predicted_iou = models.FloatField(null=True)
    refreshed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "engine_imagefigures"
        indexes = [
            models.Index(fields=["project", "mask_count"]),
            models.Index(fields=["project", "mean_predicted_iou"]),
        ]

    def __str__(self) -> str:
        return f"image {self.image_id}: {self.mask_count} masks"


class ImageParts(models.Model):
    """What an image adds to each sum, as {key of the sum: {name: number}}; apart, so that ImageFigures stays narrow."""

    figures = models.OneToOneField(ImageFigures, primary_key=True, on_delete=models.CASCADE, related_name="adding")
    parts = models.JSONField(default=dict)

    class Meta:
        db_table = "engine_imageparts"

    def __str__(self) -> str:
        return f"{len(self.parts)} sums"


class FiguresMark(models.Model):
    """Changes of masks before this time are in the project's sums."""

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="+")
    counted_until = models.DateTimeField()

    class Meta:
        db_table = "engine_figuresmark"

    def __str__(self) -> str:
        return f"project {self.project_id} until {self.counted_until}"


class Grain(models.TextChoices):
    """Over what a row of MaskFigures sums: one of everything, or one dimension alone (the unfiltered dashboard)."""

    FULL = "full"
    WEEK = "week"
    AUTHOR = "author_id"
    LABEL = "label_id"
    STAGE = "stage"
    MODEL_VERSION = "model_version_id"


class MaskFigures(models.Model):
    """Sums over masks of one week, person, label, stage, model version, source and state.

    Rows of another grain than "full" hold their own dimension only, with source and state.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=160)
    grain = models.CharField(max_length=16, choices=Grain.choices, default=Grain.FULL)
    week = models.DateField(null=True)
    author_id = models.BigIntegerField(null=True)
    label_id = models.BigIntegerField(null=True)
    stage = models.CharField(max_length=20, choices=Stage.choices, blank=True)
    model_version_id = models.BigIntegerField(null=True)
    source = models.CharField(max_length=10)
    state = models.CharField(max_length=10)
    masks = models.IntegerField(default=0)
    timed_masks = models.IntegerField(default=0)
    active_ms = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    undos = models.BigIntegerField(default=0)
    brushed_px = models.BigIntegerField(default=0)
    switched_candidates = models.BigIntegerField(default=0)
    edits = models.BigIntegerField(default=0)

    class Meta:
        db_table = "engine_maskfigures"
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="mask_figures_once")]
        indexes = [
            models.Index(fields=["project", "grain", "author_id"]),
            models.Index(fields=["grain", "model_version_id"], name="mask_figures_of_version"),
        ]

    def __str__(self) -> str:
        return self.key


class ScoreFigures(models.Model):
    """Suggestions by predicted IoU (`score_percent` is the lower edge of a 2 % bin) and what people decided."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    model_version_id = models.BigIntegerField(null=True)
    score_percent = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=60)
    accepted = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    waiting = models.IntegerField(default=0)

    class Meta:
        db_table = "engine_scorefigures"
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="score_figures_once")]

    def __str__(self) -> str:
        return self.key
