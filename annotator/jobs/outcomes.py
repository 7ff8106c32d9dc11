"""Jobs that go item by item: count what came of each, and end honestly.

A job whose every item failed has failed, with the reason; one that failed in part is done and says how much is not.
"""

from django.utils.translation import gettext as _

from annotator.jobs import services as jobs
from annotator.jobs.models import Job

MAX_FAILURES_KEPT = 200
FAILED_WHOLLY = "failed_wholly"  # in the job's state: not to be told from figures, which may look so between two slices


def begin_anew(job: Job) -> bool:
    """Return whether an earlier try failed with everything and somebody goes on with it: then all comes again."""
    if not job.state.get(FAILED_WHOLLY):
        return False
    job.report, job.state, job.done = {}, {}, 0
    return True


def begin_count(job: Job, **more: int) -> bool:
    """Begin to count items, or go on; return what `begin_anew` does. `more` are other counts, which begin at 0."""
    is_anew = begin_anew(job)
    job.report = {"images": 0, "failed": 0, "failures": [], **more, **job.report}
    return is_anew


def count_item(job: Job, *, problem: str = "", image_id: int | None = None, name: str = "") -> None:
    """Count one item; `problem` says why it failed."""
    report = job.report
    report["images"] += 1
    if problem:
        report["failed"] += 1
        if len(report["failures"]) < MAX_FAILURES_KEPT:
            report["failures"].append({"image_id": image_id, "name": name, "message": problem})


def end_counted(job: Job) -> bool:
    """Close the job by what was counted; return False when it was paused, cancelled or taken over meanwhile."""
    images, failed = job.report["images"], job.report["failed"]
    reason = job.report["failures"][0]["message"] if failed else ""
    if has_failed_wholly(job):
        sentence = _("All %(images)s images failed: %(reason)s")
        return fail_wholly(job, sentence % {"images": images, "reason": reason})
    error = ""
    if failed:
        sentence = _("%(failed)s of %(images)s images failed, the first because: %(reason)s")
        error = sentence % {"failed": failed, "images": images, "reason": reason}
    return jobs.finish_job(job, report=job.report, error=error)


def has_failed_wholly(job: Job) -> bool:
    """Say whether every item that was counted failed, and there was one."""
    return bool(job.report["failed"]) and bool(job.report["failed"] == job.report["images"])


def fail_wholly(job: Job, message: str) -> bool:
    """Mark a job failed that did nothing right; going on with it begins anew."""
    return jobs.record_progress(job, done=job.done, state={**job.state, FAILED_WHOLLY: True}) and jobs.fail_job(
        job, message
    )
