"""App configuration."""

from django.apps import AppConfig


class BackgroundConfig(AppConfig):
    """Registers the app, for its commands."""

    name = "annotator.background"
    label = "background"
