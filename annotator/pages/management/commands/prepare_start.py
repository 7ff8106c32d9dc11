"""Bring the data directory to a state in which web server and worker can start."""

import json
from argparse import ArgumentParser

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from annotator import sam_gateway
from annotator.backup.errors import BackupError
from annotator.backup.upgrade import back_up_before_migrating
from annotator.inference.model_sync import prepare_default_model
from annotator.inference.model_upgrade import export_outdated_models
from annotator.inference.selectors import default_model_version, newer_than_default
from annotator.pages.first_start import ensure_first_admin, ensure_people, load_demo


class Command(BaseCommand):
    """prepare_start [--without-demo]: migrate, prepare the default model, make the first people, load the demo project.

    Without the demo the one account that is made is an admin, where there is none.

    Before it migrates a database that is in use it backs it up. The last line on stdout is JSON:
    {"sign_ins": [{"username", "hint"}], "notes": [sentences for people]}. Everything else goes to stderr.
    """

    help = "Migrate, prepare the model, make the first accounts and the demo project; safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--without-demo", action="store_true", help="no demo, like DEMO=0")

    def handle(self, *args: object, without_demo: bool, **options: object) -> None:
        """Run each step in turn."""
        try:
            notes = _told(back_up_before_migrating(say=self.stderr.write))
        except BackupError as error:
            raise CommandError(str(error)) from error
        call_command("migrate", interactive=False, verbosity=0)
        self._prepare_default_model()
        notes += export_outdated_models(say=self.stderr.write)
        notes += _told(_newer_model())
        is_demo = settings.DEMO and not without_demo
        sign_ins = ensure_people() if is_demo else ensure_first_admin()
        if is_demo:
            load_demo()
        self.stdout.write(json.dumps({"sign_ins": sign_ins, "notes": notes}))

    def _prepare_default_model(self) -> None:
        """Export the default model from the weights that come with the product, or that were installed."""
        try:
            prepare_default_model()
        except sam_gateway.ModelMissingError as error:
            raise CommandError(f"Model {settings.DEFAULT_MODEL} cannot be used: {error}") from error


def _newer_model() -> str:
    newer, default = newer_than_default(), default_model_version()
    if newer is None or default is None:
        return ""
    return (
        f"Model {newer.version} is here; the default stays {default.version} until a server admin changes it on the "
        f"page Models, or with: manage.py set_default_model {newer.version}"
    )


def _told(note: str) -> list[str]:
    return [note] if note else []
