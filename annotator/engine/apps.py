"""App configuration."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.engine"
    label = "engine"
