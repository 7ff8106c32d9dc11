"""The worker process: django-tasks-db's worker with a pulse and the reconciler beside it."""

import logging
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import close_old_connections
from django_tasks_db.management.commands.db_worker import Command as DatabaseWorker
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from annotator import sam_gateway
from annotator.background.pulse import Pulse
from annotator.background.reconcile import reconcile_missing
from annotator.background.trainer import Trainer
from annotator.clock import EvenClock
from annotator.inference import lacking_models
from annotator.inference.lacking_models import queue_of
from annotator.inference.models import ModelVersion
from annotator.jobs.stopping import ask_to_stop
from annotator.training.improvement_tasks import TRAIN_QUEUE


class QuietWorker(Worker):
    """Looks for tasks by reading, and takes SQLite's one write lock only where there is a task.

    The library's own loop opens an exclusive transaction at every look, several times a second for each worker, and
    whoever saves a mask at that moment waits.
    """

    @property
    def excluded_queue_names(self) -> list[str]:
        """Return the queues of the models whose files this worker cannot have, asked for at every look, and training.

        Who trains names that queue: it may take hours, and somebody waits for the rest.
        """
        apart = [TRAIN_QUEUE] if self.process_all_queues else []
        refused = lacking_models.refused()
        if not refused:
            return apart
        rows = ModelVersion.objects.filter(version__in=refused)
        return apart + [queue_of(pk) for pk in rows.values_list("pk", flat=True)]

    @excluded_queue_names.setter
    def excluded_queue_names(self, names: list[str]) -> None:
        """Take what the library's worker sets at its start, which is nothing."""

    def shutdown(self, signum: int, frame: FrameType | None) -> None:
        """End after the task that is being done; long ones are told to put themselves back."""
        ask_to_stop()
        super().shutdown(signum, frame)

    def run(self) -> None:
        """Work until told to stop; with `batch`, until nothing is left."""
        if self.batch:
            super().run()
            return
        self.batch = True  # the library's loop ends once the queue is empty, and this one goes on
        while self.running and not self._has_done_all():
            close_old_connections()
            if self._has_task():
                super().run()
            else:
                time.sleep(self.interval)

    def _has_done_all(self) -> bool:
        return self.max_tasks is not None and self._run_tasks >= self.max_tasks

    def _has_task(self) -> bool:
        ready = DBTaskResult.objects.ready().filter(backend_name=self.backend_name)
        if not self.process_all_queues:
            ready = ready.filter(queue_name__in=self.queue_names)
        return bool(ready.exclude(queue_name__in=self.excluded_queue_names).exists())


class Command(DatabaseWorker):
    """run_worker: takes the options of db_worker but for those about several queues and about reloading."""

    help = "Run the background worker (embeddings, previews, imports, exports)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare db_worker's options, with a quicker look at the queue and no reloading."""
        super().add_arguments(parser)
        parser.set_defaults(interval=0.3, reload=False, startup_delay=False, queue_name="*")

    def handle(self, **options: Any) -> None:
        """Work until told to stop."""
        clock, trainer = EvenClock(), Trainer()
        only_trains = options["queue_name"] == TRAIN_QUEUE
        has_trainer = options["queue_name"] == "*" and settings.TRAIN_HERE and not options["batch"]
        pulse = Pulse(
            options["worker_id"],
            lambda: None if only_trains else reconcile_missing(may_forget=clock.is_even()),
            on_beat=lambda: trainer.look() if has_trainer else None,
        )
        self.configure_logging(options["verbosity"])
        if options["verbosity"]:
            self.stdout.write(f"Models run on: {sam_gateway.device_kind()}")
            self._warn_of_other_queues(options["queue_name"])
        if options["verbosity"] < 2:  # else it says at each empty queue that it starts and that it ends
            logging.getLogger("django_tasks_db").setLevel(logging.WARNING)
        names = ("interval", "batch", "backend_name", "startup_delay", "max_tasks", "worker_id")
        worker = QuietWorker(
            queue_names=options["queue_name"].split(","),
            excluded_queue_names=[],
            **{name: options[name] for name in names},
        )
        pulse.start()
        try:
            worker.configure_signals()
            worker.run()
        finally:
            pulse.stop()
            trainer.stop()

    def _warn_of_other_queues(self, names: str) -> None:
        """Say what a worker of chosen queues leaves to others: each model version has a queue of its own."""
        chosen = names.split(",")
        if "*" in chosen:
            return
        left = [f"{version} ({queue_of(pk)})" for pk, version in _versions() if queue_of(pk) not in chosen]
        self.stderr.write(
            f"This worker takes the tasks of {names} alone. Each model version has a queue of its own for embeddings "
            "and for jobs that another worker left for want of the model, and so will each that is installed later. "
            f"Left to other workers now: {', '.join(left) or 'none'}. What no worker takes is never done; "
            "`run_worker` without --queue-name takes everything."
        )


def _versions() -> list[tuple[int, str]]:
    return list(ModelVersion.objects.order_by("pk").values_list("pk", "version"))
