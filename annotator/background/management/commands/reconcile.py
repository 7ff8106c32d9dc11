"""Find lost work and ask for it again; with --files also look for files that have gone."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from annotator.background.lost_files import reconcile_files
from annotator.background.reconcile import reconcile_missing


class Command(BaseCommand):
    """reconcile [--files]."""

    help = "Enqueue whatever is missing: previews, tiles and embeddings. Harmless at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--files", action="store_true", help="check that every file of the database is there")

    def handle(self, *args: Any, **options: Any) -> None:
        """Reconcile and print what was found."""
        found = reconcile_missing()
        if options["files"]:
            found.update(reconcile_files())
        lines = [f"{name}: {count}" for name, count in found.items() if count]
        self.stdout.write("\n".join(lines) or "nothing is missing")
