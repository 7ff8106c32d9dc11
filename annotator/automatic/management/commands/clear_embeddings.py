"""Show what embeddings take, and clear those of model versions that nobody uses."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotator.automatic.clearing_requests import find_exactly, note_clearing
from annotator.automatic.unused_embeddings import Space, Use, clear_some, describe_space
from annotator.errors import AppError
from annotator.inference.models import ModelVersion


class Command(BaseCommand):
    """clear_embeddings [VERSION ... | --all]."""

    help = "Say what the embeddings of each model version take; clear those of versions that nobody uses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        what = parser.add_mutually_exclusive_group()
        what.add_argument("versions", nargs="*", default=[], metavar="VERSION", help="clear those of these versions")
        what.add_argument("--all", action="store_true", help="clear those of every version that nobody uses")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say or clear."""
        if not options["versions"] and not options["all"]:
            for space in describe_space():
                self.stdout.write(_line(space))
            return
        try:
            for version in _clearable() if options["all"] else map(find_exactly, options["versions"]):
                self._clear(version)
        except AppError as error:
            raise CommandError(error.message) from error

    def _clear(self, version: ModelVersion) -> None:
        note_clearing(version)
        count = byte_size = 0
        while (cleared := clear_some(version))[0]:
            count, byte_size = count + cleared[0], byte_size + cleared[1]
        self.stdout.write(f"{version.version}: {count} embeddings cleared, {byte_size / 1e6:,.1f} MB")


def _clearable() -> list[ModelVersion]:
    chosen = [space.version for space in describe_space() if space.clearable]
    if not chosen:
        raise CommandError("There is nothing to clear: see what `clear_embeddings` says of each version.")
    return chosen


def _line(space: Space) -> str:
    kept = {
        Use.DEFAULT: "the default",
        Use.PINNED: "a project keeps to it",
        Use.LEFT_LATELY: f"kept until {space.kept_until:%Y-%m-%d}" if space.kept_until else "",
        None: f"{space.clearable} ({space.clearable_bytes / 1e6:,.1f} MB) can be cleared",
    }
    size = f"{space.embeddings} embeddings, {space.byte_size / 1e6:,.1f} MB"
    return f"{space.version.version}: {size}; {kept[space.use]}"
