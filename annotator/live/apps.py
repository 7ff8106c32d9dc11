"""App configuration."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.live"
    label = "live"
