"""Write a dataset version with its photos as a folder: python manage.py export_dataset 3 2 --output folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from annotator.errors import AppError
from annotator.training.models import DatasetVersion
from annotator.training.snapshots import write_folder
from annotator.yielding import YieldingCommand

IMAGES_A_LINE = 100


class Command(YieldingCommand):
    """Writes SA-1B layout, which trainers read. Killed and started again with the same --output, it goes on."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the project, the number of the version and the folder."""
        parser.add_argument("project", type=int, help="the project's id")
        parser.add_argument("number", type=int, help="the version's number, as its page shows it")
        parser.add_argument("--output", type=Path, required=True, help="a folder, made if it is not there")

    def handle(self, *args: Any, **wanted: Any) -> None:
        """Write the folder, and say what was left out."""
        version = DatasetVersion.objects.filter(project=wanted["project"], number=wanted["number"]).first()
        if version is None:
            raise CommandError(f"Project {wanted['project']} has no dataset version {wanted['number']}.")
        try:
            report = write_folder(version, wanted["output"], on_progress=self._tell)
        except AppError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{report.masks} masks on {report.images} images, {report.held_out_images} of them held out.")
        if report.missing or report.changed:
            left_out = f"{report.missing} photos are gone and {report.changed} have another size now"
            self.stderr.write(f"Left out: {left_out}.")

    def _tell(self, done: int, total: int) -> None:
        if done % IMAGES_A_LINE == 0 or done == total:
            self.stderr.write(f"{done} of {total}")
