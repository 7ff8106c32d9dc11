"""Bring the data directory to a state in which web server and worker can start."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from annotator.pages.first_start import ensure_people, load_demo


class Command(BaseCommand):
    """prepare_start [--without-demo]: migrate, sync the default model, make the first people, load the demo project.

    The last line on stdout is JSON: {"sign_ins": [{"username", "hint"}]}. Everything else goes to stderr.
    """

    help = "Migrate, sync the model, make the first accounts and the demo project; safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--without-demo", action="store_true", help="load no demo project")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run each step in turn."""
        call_command("migrate", interactive=False, verbosity=0)
        call_command("sync_models", stdout=sys.stderr)
        sign_ins = ensure_people()
        if not options["without_demo"]:
            load_demo()
        self.stdout.write(json.dumps({"sign_ins": sign_ins}))
