"""Load the demo project of fixtures/demo; running it again changes nothing."""

import json
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from annotator.accounts.models import User
from annotator.intake.services import take_photo
from annotator.projects.commands import NewProject
from annotator.projects.models import Project
from annotator.projects.schemas import ProjectIn
from annotator.projects.services import create_project

FOLDER = Path(settings.PRODUCT_DIR) / "fixtures" / "demo"


class Command(BaseCommand):
    """load_demo: the project belongs to the first superuser."""

    help = "Create the demo project with its labels and free photos, once."

    def handle(self, *args: object, **options: object) -> None:
        """Create the project when it is missing, then add the photos it lacks."""
        try:
            plan = json.loads((FOLDER / "project.json").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise CommandError(f"The demo files are missing: {error.filename}") from error
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        if owner is None:
            raise CommandError("There is no admin yet; run: python manage.py ensure_admin")
        project = self._find_or_create(ProjectIn.model_validate(plan).command(), owner)
        counts = {"added": 0, "duplicate": 0, "refused": 0}
        for name in plan["photos"]:
            counts[self._add(project, FOLDER / "photos" / name, owner)] += 1
        self.stdout.write(f"{project.name}: {counts['added']} photos added, {counts['duplicate']} were there")

    @staticmethod
    @transaction.atomic
    def _find_or_create(plan: NewProject, owner: User) -> Project:
        existing = Project.objects.filter(settings__demo=True).first()
        return existing or create_project(owner, replace(plan, settings={**plan.settings, "demo": True}))

    @staticmethod
    def _add(project: Project, path: Path, owner: User) -> str:
        with path.open("rb") as file:
            entry = take_photo(project, file, name=path.name, user=owner)
        if entry["status"] == "refused":
            raise CommandError(f"{path.name} was refused: {entry['message']}")
        return str(entry["status"])
