"""App configuration."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.pages"
    label = "pages"
