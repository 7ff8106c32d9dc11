"""Put a backup in the place of this database and DATA_DIR."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotator.backup.errors import BackupError
from annotator.backup.restoring import restore_backup


class Command(BaseCommand):
    """restore DIR [--replace]."""

    help = "Check a backup and restore it; what was there before is moved aside. Web server and worker must be stopped."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("folder", metavar="DIR", help="a backup, or a folder of backups: its newest")
        parser.add_argument("--replace", action="store_true", help="also where projects are, which are moved aside")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore and say what came of it."""
        os.umask(0o077)
        folder = Path(options["folder"]).expanduser().resolve()
        try:
            restore_backup(folder, is_replacing=options["replace"], say=self._say)
        except BackupError as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
