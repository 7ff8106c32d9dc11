"""Do an install as a job: progress that people can follow, and an end at once when they cancel a download."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connection

from annotator.inference.installing import DOWNLOAD, PHASES, InstallOrder, install_model
from annotator.jobs import services as jobs
from annotator.jobs.models import Job

logger = logging.getLogger(__name__)
PARTS = 1000  # of the whole; a download is half of it
DOWNLOAD_PARTS = 500
TELL_EVERY_SECONDS = 1.0
BEAT_EVERY_SECONDS = 20.0  # an export of a large model takes minutes without a word


def do_install(job: Job) -> None:
    """Install what a job names."""
    order = InstallOrder(**job.params["order"])
    with _beating(job):
        row, is_new = install_model(order, tell=Progress(job))
    job.done = job.total
    jobs.finish_job(job, report={"version": row.version, "is_new": is_new})


class Progress:
    """Write down how far an install is, at most once a second; raise StoppedError when the job was stopped."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._phase, self._told_at = "", 0.0

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Take note of a step."""
        now = time.monotonic()
        if phase == self._phase and done < total and now - self._told_at < TELL_EVERY_SECONDS:
            return
        self._phase, self._told_at = phase, now
        report = {"phase": phase, "done_bytes": done, "total_bytes": total} if phase == DOWNLOAD else {"phase": phase}
        if not jobs.record_progress(self.job, done=_parts(phase, done, total), total=PARTS, report=report):
            raise jobs.StoppedError


def _parts(phase: str, done: int, total: int) -> int:
    if phase == DOWNLOAD:
        return DOWNLOAD_PARTS * done // max(total, 1)
    steps = len(PHASES) - 1
    return DOWNLOAD_PARTS + (PARTS - DOWNLOAD_PARTS) * (PHASES.index(phase) - 1) // steps


@contextmanager
def _beating(job: Job) -> Iterator[None]:
    """Give signs of life of a job from a thread while a long step says nothing."""
    stopping = threading.Event()
    thread = threading.Thread(target=_beat, args=(job, stopping), name=f"install-{job.pk}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _beat(job: Job, stopping: threading.Event) -> Any:
    while not stopping.wait(BEAT_EVERY_SECONDS):
        try:
            jobs.beat(job)
        except DatabaseError:  # others hold it: the next sign of life may come through
            logger.warning("a sign of life of an install was lost", extra={"job": job.pk}, exc_info=True)
        connection.close()
