"""App configuration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.audit"
    label = "audit"
