"""App configuration."""

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.projects"
    label = "projects"
