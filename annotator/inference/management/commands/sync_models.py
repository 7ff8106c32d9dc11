"""Export the graphs of models into DATA_DIR/models and register their versions."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from annotator.inference.model_sync import sync_model
from annotator.sam_gateway import ModelMissingError


class Command(BaseCommand):
    """sync_models [NAME ...] [--checkpoint FILE] [--force]."""

    help = "Export encoder and decoder graphs of models (default: the default model) and register their versions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="models of `python -m sam_core models`")
        parser.add_argument("--checkpoint", help="a weight file to use instead of the model's own")
        parser.add_argument("--force", action="store_true", help="export again even when nothing has changed")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync each model in turn."""
        names = options["names"] or [settings.DEFAULT_MODEL]
        if options["checkpoint"] and len(names) > 1:
            raise CommandError("--checkpoint goes with one model only.")
        for name in names:
            started = time.monotonic()
            try:
                row, is_new = sync_model(name, checkpoint=options["checkpoint"], is_forced=options["force"])
            except ModelMissingError as error:
                raise CommandError(f"Model {name} cannot be used: {error}") from error
            seconds = time.monotonic() - started
            did = f"exported in {seconds:.1f} s" if is_new else "up to date"
            self.stdout.write(f"{row.version}: {did}")
