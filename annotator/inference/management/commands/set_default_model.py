"""Make a model version the default of projects that pin none, or go back to the one before."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotator.errors import AppError
from annotator.inference.default_model import set_default, take_back_default
from annotator.inference.selectors import default_model_version


class Command(BaseCommand):
    """set_default_model NAME | --back."""

    help = "Make a model version the default of projects that pin none; --back takes the last change back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("name", nargs="?", metavar="NAME", help="a version, or a model's name for its latest version")
        what.add_argument("--back", action="store_true", help="take the last change back")

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide, and say what became of it."""
        before = default_model_version()
        try:
            row = take_back_default() if options["back"] else set_default(options["name"])
        except AppError as error:
            raise CommandError(error.message) from error
        was = f"; before: {before.version}" if before is not None and before.pk != row.pk else ""
        self.stdout.write(f"{row.version} is the default model{was}")
