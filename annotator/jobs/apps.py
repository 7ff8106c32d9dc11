"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Registers the app under its short label, and what it listens to."""

    name = "annotator.jobs"
    label = "jobs"

    def ready(self) -> None:
        """Listen to projects that go into the bin."""
        import_module("annotator.jobs.receivers")
