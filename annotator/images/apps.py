"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class ImagesConfig(AppConfig):
    """Registers the app under its short label, and what it listens to."""

    name = "annotator.images"
    label = "images"

    def ready(self) -> None:
        """Listen to inference and projects."""
        import_module("annotator.images.receivers")
