"""The process that trains, started by a worker when a training task waits, and ended with the worker.

It is another run of this worker, for the queue `train` alone, that ends when the queue is empty. So embeddings never
wait for a training, and no memory is held while nothing is trained. On a server with a machine of its own for training,
`run_worker --queue-name train` runs there, and TRAIN_HERE=0 keeps the others from it.
"""

import contextlib
import logging
import subprocess
import sys
import time
from pathlib import Path

from django.conf import settings
from django.utils.crypto import get_random_string
from django_tasks_db.models import DBTaskResult

from annotator.inference.models import TRAINER_IDS
from annotator.places import IS_CHECKOUT
from annotator.training.improvement_tasks import TRAIN_QUEUE

logger = logging.getLogger(__name__)
MANAGE = [str(Path(settings.BASE_DIR) / "manage.py")] if IS_CHECKOUT else ["-m", "annotator", "manage"]
PAUSE_SECONDS = 15.0  # after one that ended, whatever the reason
ALONE_SECONDS = 2.0  # whoever asked this process to end has most often asked the whole group
STOP_SECONDS = 40.0  # it waits for a training process that saves its state


def _ask_nothing() -> None:
    pass


class Trainer:
    """Starts such a process, one at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._not_before = 0.0

    def look(self) -> None:
        """Start the process where a task waits and none is running."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            logger.info("the training process ended", extra={"status": self._process.returncode})
            self._process, self._not_before = None, time.monotonic() + PAUSE_SECONDS
        if (
            time.monotonic() >= self._not_before
            and DBTaskResult.objects.ready().filter(queue_name=TRAIN_QUEUE).exists()
        ):
            self._start()

    def stop(self) -> None:
        """Ask it to end, and end it where it does not."""
        if self._process is None:
            return
        for ask, seconds in ((_ask_nothing, ALONE_SECONDS), (self._process.terminate, STOP_SECONDS)):
            ask()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                return
        self._process.kill()
        self._process.wait()

    def _start(self) -> None:
        worker_id = f"{TRAINER_IDS}{get_random_string(24)}"
        command = [sys.executable, *MANAGE, "run_worker", "--queue-name", TRAIN_QUEUE, "--batch", "--verbosity", "0"]
        # In this process's group, so that whoever ends the group ends all.
        self._process = subprocess.Popen([*command, "--worker-id", worker_id], stdin=subprocess.DEVNULL)
        logger.info("a training process was started", extra={"worker": worker_id})
