"""Model versions, which of them is the default, image embeddings, and the pulse of the workers that compute them."""

import hashlib
import json
import re
from typing import Any

from django.db import models


class Training(models.TextChoices):
    """How a version's weights came to be, as far as this server knows."""

    NONE = "none"  # taken as they were published
    RECIPE = "recipe"  # by a recipe that the weight file names
    PROJECT = "project"  # from masks of a project


class ModelVersion(models.Model):
    """One set of weights; `manifest` is what the browser reads, `files` are all files as the storage keeps them.

    Each machine has its copy of the files in MODELS_DIR/{version}/ (model_store.py).
    `version` is the label that embeddings and masks carry; `number` counts the versions of one model. Both licences are
    empty where nobody stated them. `figures` are {name: number} as published, for example {"miou_1": 0.68}.
    """

    name = models.CharField(max_length=50)
    number = models.PositiveIntegerField()
    version = models.CharField(max_length=80, unique=True)
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    training = models.CharField(max_length=8, choices=Training.choices, default=Training.NONE)
    weights_licence = models.CharField(max_length=200, blank=True)
    data_licence = models.CharField(max_length=300, blank=True)
    figures = models.JSONField(default=dict)
    image_size = models.PositiveIntegerField()
    embed_dim = models.PositiveIntegerField()
    weights_sha256 = models.CharField(max_length=64)
    manifest = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["name", "number"], name="model_number_once")]

    def __str__(self) -> str:
        return self.version

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row; one without a number gets the next of its model."""
        if not self.number:
            self.number = next_number(self.name, self.version)
        super().save(*args, **kwargs)

    @property
    def manifest_digest(self) -> str:
        """Return a short digest of the manifest, which changes when the graphs are exported anew."""
        return hashlib.sha256(json.dumps(self.manifest, sort_keys=True).encode()).hexdigest()[:16]


def next_number(name: str, version: str) -> int:
    """Return the number in the label (18 of sam_lite-18) where it has a free one, else one more than the highest."""
    taken = set(ModelVersion.objects.filter(name=name).values_list("number", flat=True))
    own = re.fullmatch(rf"{re.escape(name)}-(\d{{1,6}})", version)
    return int(own[1]) if own and int(own[1]) not in taken else max(taken, default=0) + 1


class DefaultDecision(models.Model):
    """That a version is the server's default; in force is the latest that was not taken back."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now_add=True)
    taken_back_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version_id} since {self.decided_at}"


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
        indexes = [models.Index(fields=["model_version", "status", "crop_box", "-id"], name="embeddings_of_version")]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """Return the content-addressed name, without the file's ending."""
        return f"{self.sha256}-{self.model_version.version}-{self.crop_box}-f16"


TRAINER_IDS = "train-"  # how the ids of processes begin that do nothing but train


class WorkerPulse(models.Model):
    """The last sign of life of one worker process, and {version: why} of the models that it cannot work with."""

    worker_id = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField()
    host = models.CharField(max_length=255, blank=True)
    lacking = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.worker_id
