"""App configuration."""

from django.apps import AppConfig


class IntakeConfig(AppConfig):
    """Registers the app, for its commands."""

    name = "annotator.intake"
    label = "intake"
