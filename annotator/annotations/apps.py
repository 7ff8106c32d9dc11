"""App configuration."""

from django.apps import AppConfig


class AnnotationsConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.annotations"
    label = "annotations"
