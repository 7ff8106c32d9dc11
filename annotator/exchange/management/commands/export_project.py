"""Export a project from the command line: python manage.py export_project 3 --format coco --output folder."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from pydantic import ValidationError

from annotator.exchange.export.events import note_export
from annotator.exchange.export.jobs import base_name
from annotator.exchange.export.preflight import check_selection
from annotator.exchange.export.run import CERTIFICATE, ExportRun
from annotator.exchange.export.selection import Selection
from annotator.exchange.options import ExportOptions
from annotator.exchange.orders import ExportOrder
from annotator.exchange.registry import WRITTEN, formats_with
from annotator.projects.models import Project
from annotator.yielding import YieldingCommand

STEPS_A_LINE = 20


class Command(YieldingCommand):
    """Writes into a folder. Killed and started again with the same --output, it goes on where it was."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the project, the folder and the options of the API."""
        parser.add_argument("project", type=int, help="the project's id")
        parser.add_argument("--format", default="coco", help=", ".join(WRITTEN))
        parser.add_argument("--output", type=Path, required=True, help="a folder, made if it is not there")
        parser.add_argument("--segmentation", default="rle", help=f"{formats_with('segmentation')}: rle or polygons")
        parser.add_argument("--tolerance-px", type=float, default=0.0, help="how far an outline may be simplified")
        parser.add_argument("--images", default="none", help="none, copy or links")
        parser.add_argument(
            "--shortest-side-px", type=int, help=f"{formats_with('shortest_side_px')}: resize photos and masks"
        )
        parser.add_argument("--options", default="{}", help="any other option of the API, as JSON")
        parser.add_argument("--preflight", action="store_true", help="only look for what would be stumbled over")

    def handle(self, *args: Any, **wanted: Any) -> None:
        """Write, read back, and print the certificate's figures."""
        project = Project.objects.filter(pk=wanted["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {wanted['project']}.")
        selection = Selection(project, _options(wanted))
        if wanted["preflight"]:
            self.stdout.write(json.dumps(check_selection(selection), ensure_ascii=False, indent=1))
            return
        certificate = self._export(selection, wanted["output"])
        self.stdout.write(json.dumps({"files": certificate["files"], "masks": certificate["masks"]}, indent=1))
        if certificate["masks"]["mismatches"]:
            raise CommandError(f"{certificate['masks']['mismatches']} masks differ: see the certificate.")

    def _export(self, selection: Selection, folder: Path) -> dict[str, Any]:
        folder.mkdir(parents=True, exist_ok=True)
        work = folder / f".{selection.project.pk}-{selection.options.format}"
        name_file = work / "name"
        work.mkdir(exist_ok=True)
        if not name_file.exists():
            name_file.write_text(base_name(selection.project, selection.options), encoding="utf-8")
        run = ExportRun(selection, work, name=name_file.read_text(encoding="utf-8"))
        for number, step in enumerate(run.steps()):
            step()
            if number % STEPS_A_LINE == 0:
                done, total = run.progress
                self.stderr.write(f"{done} of {total}")
        certificate = run.certificate()
        masks = certificate["masks"]
        note_export(selection.project, ExportOrder(selection.options, run.name), masks=masks, by=None)
        for path in run.files:
            path.replace(folder / path.name)
        (work / CERTIFICATE).replace(folder / f"{run.name}.{CERTIFICATE}")
        for rest in work.iterdir():
            rest.unlink()
        work.rmdir()
        return certificate


def _options(wanted: dict[str, Any]) -> ExportOptions:
    names = ("format", "segmentation", "tolerance_px", "images", "shortest_side_px")
    try:
        given = {name: wanted[name] for name in names if wanted[name] is not None}
        return ExportOptions.model_validate({**given, **json.loads(wanted["options"])})
    except (ValidationError, ValueError) as error:
        raise CommandError(str(error)) from error
