"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """Registers the app under its short label, and what it listens to."""

    name = "annotator.engine"
    label = "engine"

    def ready(self) -> None:
        """Listen to operations on masks and to embeddings."""
        import_module("annotator.engine.activity")
        import_module("annotator.engine.receivers")
