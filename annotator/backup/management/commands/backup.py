"""Copy everything that a start needs into a folder, while people work."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotator.backup.errors import BackupError
from annotator.backup.making import Wishes, make_backup


class Command(BaseCommand):
    """backup DIR [--with-embeddings] [--without-exports] [--keep N]."""

    help = "Back up database, photos, model graphs and secret key into a folder of backups, while people work."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", metavar="DIR", help="a new or empty folder, or one of earlier backups")
        parser.add_argument("--with-embeddings", action="store_true", help="copy what the worker could compute again")
        parser.add_argument("--without-exports", action="store_true", help="leave finished exports out")
        parser.add_argument("--keep", type=int, default=0, metavar="N", help="remove the oldest beyond N (0: none)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the backup and say where it is."""
        os.umask(0o077)
        wishes = Wishes(
            has_embeddings=options["with_embeddings"],
            has_exports=not options["without_exports"],
            kept=max(options["keep"], 0),
        )
        try:
            make_backup(Path(options["folder"]).expanduser().resolve(), wishes, say=self._say)
        except BackupError as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
