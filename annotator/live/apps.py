"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.live"
    label = "live"

    def ready(self) -> None:
        """Listen for access that ends."""
        import_module("annotator.live.receivers")
