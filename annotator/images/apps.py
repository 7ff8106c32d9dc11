"""App configuration."""

from django.apps import AppConfig


class ImagesConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.images"
    label = "images"
