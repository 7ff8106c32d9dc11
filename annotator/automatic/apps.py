"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class AutomaticConfig(AppConfig):
    """Registers the app under its short label, and what it listens to."""

    name = "annotator.automatic"
    label = "automatic"

    def ready(self) -> None:
        """Listen to embeddings, pinned versions and stages."""
        import_module("annotator.automatic.receivers")
