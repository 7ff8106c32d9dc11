"""App configuration."""

from django.apps import AppConfig

from annotator.words.catalogues import compile_changed


class WordsConfig(AppConfig):
    """Compiles the catalogues that changed, so that nobody needs the gettext tools."""

    name = "annotator.words"
    label = "words"

    def ready(self) -> None:
        """Compile into DATA_DIR before the first text is asked for."""
        compile_changed()
