"""App configuration; the first app of the project also registers the system checks."""

from importlib import import_module

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers the app under its short label."""

    name = "annotator.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Register the checks of the whole project, and what ends with a person's access."""
        import_module("annotator.checks")
        import_module("annotator.accounts.access_ended")
        import_module("annotator.accounts.people_events")
        import_module("annotator.accounts.account_links")
