"""Import masks from the command line: python manage.py import_project 3 instances.json --user ada."""

import json
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from pydantic import ValidationError

from annotator.accounts.models import User
from annotator.exchange.files.source import BrokenFileError
from annotator.exchange.import_.jobs import import_at_once
from annotator.exchange.import_.run import ImportRun
from annotator.exchange.models import ImportRun as ImportRow
from annotator.exchange.options import IMPORTED, ImportOptions
from annotator.photos.naming import display_name
from annotator.projects.models import Project
from annotator.yielding import YieldingCommand


class Command(YieldingCommand):
    """Reads a file or a folder. What is there already is left alone, so it can be killed and started again."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the project, the file and the options of the API."""
        parser.add_argument("project", type=int, help="the project's id")
        parser.add_argument("path", type=Path, help="a JSON, zip, tar or folder")
        parser.add_argument("--format", default="auto", help=", ".join(IMPORTED))
        parser.add_argument("--user", help="whose masks they become: a user name")
        parser.add_argument("--options", default="{}", help="any other option of the API, as JSON")
        parser.add_argument("--preview", action="store_true", help="only say what an import would do")

    def handle(self, *args: Any, **wanted: Any) -> None:
        """Import and print the report."""
        row = self._row(wanted)
        try:
            report = self._preview(row, wanted["path"]) if wanted["preview"] else self._import(row, wanted["path"])
        except BrokenFileError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(report, ensure_ascii=False, indent=1))

    def _row(self, wanted: dict[str, Any]) -> ImportRow:
        project = Project.objects.filter(pk=wanted["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {wanted['project']}.")
        if not wanted["path"].exists():
            raise CommandError(f"There is no {wanted['path']}.")
        user = User.objects.filter(username=wanted["user"]).first()
        if wanted["user"] and user is None:
            raise CommandError(f"There is no user {wanted['user']}.")
        try:
            options = ImportOptions.model_validate({"format": wanted["format"], **json.loads(wanted["options"])})
        except (ValidationError, ValueError) as error:
            raise CommandError(str(error)) from error
        return ImportRow(
            project=project,
            name=display_name(wanted["path"].name),
            format=options.format,
            options=options.model_dump(mode="json"),
            created_by=user,
        )

    def _preview(self, row: ImportRow, path: Path) -> dict[str, Any] | None:
        with tempfile.TemporaryDirectory() as folder:
            run = ImportRun(row, path, Path(folder))
            try:
                return run.preview()
            finally:
                run.close()

    def _import(self, row: ImportRow, path: Path) -> dict[str, Any]:
        row.started_at = timezone.now()
        row.save()
        return import_at_once(row, path)
