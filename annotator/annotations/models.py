"""Masks, their history and the comments on them. Masks are COCO compressed RLE at the upright photo's size."""

from django.db import models

from annotator.images.models import Image
from annotator.inference.models import ModelVersion
from annotator.projects.models import Label, Stage


class Source(models.TextChoices):
    """Where a mask came from."""

    MANUAL = "manual"
    SUGGESTION = "suggestion"
    AUTOMATIC = "automatic"
    IMPORT = "import"


class State(models.TextChoices):
    """Whether a person stands behind the mask."""

    SUGGESTION = "suggestion"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Annotation(models.Model):
    """One mask; its id is made by the client so that a retry never makes a second one."""

    id = models.UUIDField(primary_key=True, editable=False)
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="annotations")
    label = models.ForeignKey(Label, null=True, blank=True, on_delete=models.SET_NULL, related_name="annotations")
    counts = models.TextField()
    bbox_x = models.PositiveIntegerField()
    bbox_y = models.PositiveIntegerField()
    bbox_w = models.PositiveIntegerField()
    bbox_h = models.PositiveIntegerField()
    area = models.PositiveIntegerField()
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.MANUAL)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACCEPTED)
    predicted_iou = models.FloatField(null=True)
    stability_score = models.FloatField(null=True)
    provenance = models.JSONField(default=dict, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    z_order = models.IntegerField(default=0)
    is_locked = models.BooleanField(default=False)
    revision = models.PositiveIntegerField(default=1)
    author = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    stage = models.CharField(max_length=20, choices=Stage.choices)
    model_version = models.ForeignKey(ModelVersion, null=True, on_delete=models.SET_NULL, related_name="+")
    active_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)  # when a person accepted or rejected a suggestion
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["z_order", "created_at", "id"]
        indexes = [
            models.Index(fields=["image", "deleted_at"]),
            models.Index(fields=["author", "created_at"]),
            models.Index(fields=["created_at"]),
            models.Index(fields=["updated_at"]),
        ]

    def __str__(self) -> str:
        return str(self.id)


class RevisionAction(models.TextChoices):
    """What a revision did."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    RESTORE = "restore"


class AnnotationRevision(models.Model):
    """One entry of a mask's history; rows are only ever added. `op_id` makes the client's operation idempotent.

    `payload_digest` tells a retry from another operation under the same id; "" where a machine wrote the entry.
    """

    annotation = models.ForeignKey(Annotation, on_delete=models.CASCADE, related_name="revisions")
    revision = models.PositiveIntegerField()
    op_id = models.UUIDField(unique=True)
    payload_digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    action = models.CharField(max_length=8, choices=RevisionAction.choices)
    snapshot = models.JSONField()
    author = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["annotation", "revision"]
        constraints = [models.UniqueConstraint(fields=["annotation", "revision"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"{self.annotation_id} r{self.revision}"


class ImageVisit(models.Model):
    """Somebody has an image open: seen last at `seen_at`. Rows that are older than a visit may last are removed."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "user"], name="one_visit_a_person")]
        indexes = [models.Index(fields=["seen_at"])]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.image_id}"


class Comment(models.Model):
    """A remark for the annotator or reviewer, on a mask or on a place (x, y in image pixels) or on the image."""

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="comments")
    annotation = models.ForeignKey(Annotation, null=True, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    body = models.TextField(max_length=5000)
    x = models.FloatField(null=True)
    y = models.FloatField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.body[:40]
