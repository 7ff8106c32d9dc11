"""App configuration."""

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.training"
    label = "training"
