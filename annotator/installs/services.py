"""Ask for a model to be installed, and read what is installed and under way. Who may is checked by the caller."""

from dataclasses import asdict
from datetime import timedelta
from typing import IO

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator import model_gateway
from annotator.accounts.models import User
from annotator.errors import ConflictError, InvalidError
from annotator.inference.installing import InstallOrder, check_order
from annotator.inference.model_store import blob_name, digest_of, drop_unnamed, is_stored
from annotator.inference.models import ModelVersion
from annotator.installs.tasks import install_model
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus

KIND = "install_model"
SHOWN_JOBS = 5
UPLOADS_STAY = timedelta(days=1)


def start_install(order: InstallOrder, user: User | None) -> Job:
    """Start installing a model; raise ConflictError where that is under way, InvalidError for a bad order."""
    check_order(order)
    params = {"order": asdict(order)}
    try:
        return jobs.start_job(None, kind=KIND, key=order.name, task=install_model, params=params, total=1000, user=user)
    except ConflictError as error:
        words = _("%(name)s is being installed already: its progress is on the page before.") % {"name": order.name}
        raise ConflictError(words, code=error.code, extra=error.extra) from error


def keep_upload(name: str, file: IO[bytes], *, size: int) -> InstallOrder:
    """Keep an uploaded weight file for the worker, under its digest, and return the order to install it."""
    if not size:
        raise InvalidError(_("Choose a weight file that is not empty."), code="no_file")
    digest = digest_of(file)
    file.seek(0)
    if not is_stored(digest, size):
        default_storage.save(blob_name(digest), File(file))
    return InstallOrder(name=name, upload=digest, upload_bytes=size)


def list_models() -> list[tuple[model_gateway.InstallableModel, list[str]]]:
    """Return the models to choose from, each with the versions of it that are installed."""
    versions: dict[str, list[str]] = {}
    for row in ModelVersion.objects.order_by("pk"):
        versions.setdefault(row.name, []).append(row.version)
    return [(one, versions.get(one.name, [])) for one in model_gateway.list_models()]


def latest_jobs() -> list[Job]:
    """Return the installs that are open, and the latest of the others, newest first."""
    return list(Job.objects.filter(project=None, kind=KIND).select_related("created_by")[:SHOWN_JOBS])


def remove_spent_uploads() -> int:
    """Remove uploaded files of installs that ended long ago without success; return how many."""
    ended = Job.objects.filter(project=None, kind=KIND, status__in=(JobStatus.FAILED, JobStatus.CANCELLED))
    spent = [
        job
        for job in ended.filter(finished_at__lt=timezone.now() - UPLOADS_STAY)
        if job.params["order"]["upload"] and not job.state.get("is_removed")
    ]
    for job in spent:
        drop_unnamed([job.params["order"]["upload"]])
        Job.objects.filter(pk=job.pk).update(state={**job.state, "is_removed": True})
    return len(spent)
