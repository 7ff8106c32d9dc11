"""Do an install as a job: progress that people can follow, and an end at once when they cancel a download."""

import time

from annotator.inference.installing import DOWNLOAD, PHASES, InstallOrder, install_model
from annotator.jobs import services as jobs
from annotator.jobs.beating import keep_beating
from annotator.jobs.models import Job

PARTS = 1000  # of the whole; a download is half of it
DOWNLOAD_PARTS = 500
TELL_EVERY_SECONDS = 1.0


def do_install(job: Job) -> None:
    """Install what a job names."""
    order = InstallOrder(**job.params["order"])
    with keep_beating(job):  # an export of a large model takes minutes without a word
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
