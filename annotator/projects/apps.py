"""App configuration."""

from importlib import import_module

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.projects"
    label = "projects"

    def ready(self) -> None:
        """Let links into projects end with the access of whoever made them."""
        import_module("annotator.projects.links")
