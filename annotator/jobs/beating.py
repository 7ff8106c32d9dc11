"""Signs of life of a job from a thread, while a long step says nothing."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

from annotator.jobs import services as jobs
from annotator.jobs.models import Job

logger = logging.getLogger(__name__)
BEAT_EVERY_SECONDS = 20.0


@contextmanager
def keep_beating(job: Job) -> Iterator[None]:
    """Beat until the block ends, so that nobody takes the job over meanwhile."""
    stopping = threading.Event()
    thread = threading.Thread(target=_beat, args=(job, stopping), name=f"job-{job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _beat(job: Job, stopping: threading.Event) -> None:
    while not stopping.wait(BEAT_EVERY_SECONDS):
        try:
            jobs.beat(job)
        except DatabaseError:  # others hold it: the next sign of life may come through
            logger.warning("a sign of life of a job was lost", extra={"job": job.pk}, exc_info=True)
        connection.close()
