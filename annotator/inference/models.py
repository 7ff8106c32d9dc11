"""Model versions, image embeddings, and the pulse of the workers that compute them."""

import hashlib
import json

from django.db import models


class ModelVersion(models.Model):
    """One set of weights whose graphs lie in MODELS_DIR/{version}/; `manifest` is what the browser reads."""

    name = models.CharField(max_length=50)
    version = models.CharField(max_length=80, unique=True)
    licence = models.CharField(max_length=200, blank=True)
    image_size = models.PositiveIntegerField()
    embed_dim = models.PositiveIntegerField()
    weights_sha256 = models.CharField(max_length=64)
    manifest = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.version

    @property
    def manifest_digest(self) -> str:
        """Return a short digest of the manifest, which changes when the graphs are exported anew."""
        return hashlib.sha256(json.dumps(self.manifest, sort_keys=True).encode()).hexdigest()[:16]


class EmbeddingStatus(models.TextChoices):
    """Life of one embedding."""

    PENDING = "pending"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"


class ImageEmbedding(models.Model):
    """The encoder's output for one picture, model version and crop box.

    `sha256` is the picture's name (annotator/photos/readings.py); the crop box is named as in crop_names.py.
    """

    sha256 = models.CharField(max_length=120)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="embeddings")
    crop_box = models.CharField(max_length=40, default="full")
    status = models.CharField(max_length=8, choices=EmbeddingStatus.choices, default=EmbeddingStatus.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    file = models.FileField(max_length=255, blank=True)
    byte_size = models.PositiveBigIntegerField(default=0)
    encode_ms = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256", "model_version", "crop_box"], name="embedding_once_per_content")
        ]
        indexes = [models.Index(fields=["model_version", "status"])]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """Return the content-addressed name, without the file's ending."""
        return f"{self.sha256}-{self.model_version.version}-{self.crop_box}-f16"


class WorkerPulse(models.Model):
    """The last sign of life of one worker process."""

    worker_id = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.worker_id
