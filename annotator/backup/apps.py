"""App configuration."""

from django.apps import AppConfig


class BackupConfig(AppConfig):
    """Registers the app, for its commands."""

    name = "annotator.backup"
    label = "backup"
