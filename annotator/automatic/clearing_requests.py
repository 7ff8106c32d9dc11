"""Ask for the embeddings of a version that nobody uses to be cleared. Who may is checked by the caller."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.automatic.tasks import clear_embeddings
from annotator.automatic.unused_embeddings import KIND, clearable_of
from annotator.errors import InvalidError
from annotator.inference.models import ModelVersion
from annotator.jobs import services as jobs
from annotator.jobs.models import Job

SHOWN_JOBS = 5


@transaction.atomic
def start_clearing(label: str, user: User) -> Job:
    """Clear them in the background.

    Raises InvalidError for an unknown version or nothing to clear, ConflictError where the version is in use (`in_use`)
    or is being cleared (`job_running`).
    """
    version = find_exactly(label)
    total = note_clearing(version, by=user)
    params = {"version": version.version}
    return jobs.start_job(
        None, kind=KIND, key=version.version, task=clear_embeddings, params=params, total=total, user=user
    )


def note_clearing(version: ModelVersion, *, by: AbstractBaseUser | None = None) -> int:
    """Write into the audit log what is about to be cleared, and return how many embeddings that is; raises as above."""
    found = clearable_of(version)
    total = found.count()
    if total == 0:
        words = _("There is nothing to clear of %(version)s.") % {"version": version.version}
        raise InvalidError(words, code="nothing_to_clear")
    told = {"embeddings": total, "bytes": found.aggregate(bytes=Sum("byte_size"))["bytes"]}
    record_event(Verb.EMBEDDINGS_CLEARED, version, name=version.version, after=told, by=by)
    return total


def find_exactly(label: str) -> ModelVersion:
    """Return a version by its label; raise InvalidError (`no_such_model`)."""
    row = ModelVersion.objects.filter(version=label).first()
    if row is None:
        raise InvalidError(_("There is no model version “%(version)s”.") % {"version": label}, code="no_such_model")
    return row


def latest_jobs() -> list[Job]:
    """Return the latest jobs that clear or cleared embeddings, newest first."""
    return list(Job.objects.filter(project=None, kind=KIND)[:SHOWN_JOBS])
