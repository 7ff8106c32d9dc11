"""App configuration."""

from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.exchange"
    label = "exchange"
