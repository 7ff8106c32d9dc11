"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class StatisticsConfig(AppConfig):
    """Registers the app under its short label, and what it listens to."""

    name = "annotator.statistics"
    label = "statistics"

    def ready(self) -> None:
        """Listen to operations on masks and to masks written many at once."""
        import_module("annotator.statistics.activity")
        import_module("annotator.statistics.receivers")
