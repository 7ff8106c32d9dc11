"""App configuration."""

from django.apps import AppConfig


class EngineConfig(AppConfig):
    """Registers the migrations that databases of before the rooms have to go through; it has no models any more."""

    name = "annotator.engine"
    label = "engine"
