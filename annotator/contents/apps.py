"""App configuration."""

from django.apps import AppConfig


class ContentsConfig(AppConfig):
    """Registers the app."""

    name = "annotator.contents"
    label = "contents"
