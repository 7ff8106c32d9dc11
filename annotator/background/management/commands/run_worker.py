"""The worker process: django-tasks-db's worker with a pulse and the reconciler beside it."""

from argparse import ArgumentParser
from typing import Any

from django_tasks_db.management.commands.db_worker import Command as DatabaseWorker

from annotator.background.pulse import Pulse
from annotator.background.reconcile import reconcile_missing


class Command(DatabaseWorker):
    """run_worker: takes the options of db_worker."""

    help = "Run the background worker (embeddings, previews, imports, exports)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare db_worker's options, with a quicker look at the queue and no reloading."""
        super().add_arguments(parser)
        parser.set_defaults(interval=0.3, reload=False, startup_delay=False)

    def handle(self, **options: Any) -> None:
        """Work until told to stop."""
        pulse = Pulse(options["worker_id"], reconcile_missing)
        pulse.start()
        try:
            super().handle(**options)
        finally:
            pulse.stop()
