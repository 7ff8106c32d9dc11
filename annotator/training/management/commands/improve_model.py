"""Improve a project's model, as its page “Improve” does; nothing is chosen by that."""

import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from annotator.errors import AppError
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.models import Project
from annotator.training import runs
from annotator.training.improvement_options import DEVICES, RECIPES, USUAL_MINUTES
from annotator.training.improvements import ImprovementOrder, improvement_rows, open_improvement, start_improvement
from annotator.training.models import Improvement

LOOK_SECONDS = 1.0
FINISHED = {"better": "better", "same": "about the same", "worse": "worse", "unknown": "not comparable"}


class Command(BaseCommand):
    """improve_model PROJECT: one that is paused or has failed goes on, unless --anew."""

    help = "Improve a project's model with its accepted masks. Ctrl-C pauses; the same command goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the project and how to train."""
        parser.add_argument("project", type=int, help="number of the project, as in its address")
        parser.add_argument("--minutes", type=int, default=USUAL_MINUTES, help="how long to train (%(default)s)")
        parser.add_argument("--device", choices=DEVICES[1:], default="", help="by default the fastest that is there")
        parser.add_argument("--recipe", choices=RECIPES[1:], default="", help="by default chosen by the data's size")
        parser.add_argument("--anew", action="store_true", help="cancel one that is paused or has failed")

    def handle(self, **options: Any) -> None:
        """Start or go on, do it here unless a worker does, and say what came of it."""
        project = Project.objects.filter(pk=options["project"], deleted_at=None).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']}.")
        try:
            row = self._begin(project, options)
        except AppError as refusal:
            raise CommandError(refusal.message) from refusal
        job = Job.objects.get(improvement=row)
        try:
            with self._telling(job.pk, is_quiet=options["verbosity"] == 0):
                runs.run_here(job.pk)
        except KeyboardInterrupt:
            with suppress(AppError):
                jobs.pause_job(job)
            raise CommandError("Paused. The same command goes on.", returncode=130) from None
        self._tell(improvement_rows().get(pk=row.pk))

    def _begin(self, project: Project, options: dict[str, Any]) -> Improvement:
        left = open_improvement(project)
        if left is not None and left.job is not None and left.job.status in (JobStatus.PAUSED, JobStatus.FAILED):
            if not options["anew"]:
                jobs.resume_job(left.job)
                return left
            if left.job.status == JobStatus.PAUSED:
                jobs.cancel_job(left.job)
        names = ("minutes", "device", "recipe")
        order = ImprovementOrder(**{name: options[name] for name in names})
        return start_improvement(project, order, user=None)

    @contextmanager
    def _telling(self, job_id: int, *, is_quiet: bool) -> Iterator[None]:
        """Say how far the job is until the block ends, whoever does it."""
        stopping = threading.Event()
        thread = threading.Thread(target=self._tell_progress, args=(job_id, stopping), daemon=True)
        if not is_quiet:
            thread.start()
        try:
            yield
        finally:
            stopping.set()
            if not is_quiet:
                thread.join()

    def _tell_progress(self, job_id: int, stopping: threading.Event) -> None:
        told = ""
        while not stopping.wait(LOOK_SECONDS):
            job = Job.objects.get(pk=job_id)
            words = f"{job.report.get('phase', 'waiting')} {job.done * 100 // max(job.total, 1)} %"
            if words != told:
                self.stdout.write(words)
                told = words
        connection.close()

    def _tell(self, row: Improvement) -> None:
        job = row.job
        if job is None or job.status != JobStatus.DONE:
            raise CommandError((job.error or f"It is {job.status}.") if job else "Its job is gone.")
        self.stdout.write(f"{FINISHED[row.result['verdict']]}: {row.result['reason']}")
        if row.version is not None:
            self.stdout.write(f"It is {row.version.version}. Choose it on the project's page Improve.")
