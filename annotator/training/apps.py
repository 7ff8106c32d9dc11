"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class TrainingConfig(AppConfig):
    """Registers the app under its short label, and what it listens to."""

    name = "annotator.training"
    label = "training"

    def ready(self) -> None:
        """Listen to jobs that are cancelled, and to images that go."""
        import_module("annotator.training.receivers")
