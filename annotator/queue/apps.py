"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class QueueConfig(AppConfig):
    """Registers the app under its short label, and what it listens to."""

    name = "annotator.queue"
    label = "queue"

    def ready(self) -> None:
        """Listen to projects, members and accounts that leave."""
        import_module("annotator.queue.receivers")
