"""App configuration."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.inference"
    label = "inference"
