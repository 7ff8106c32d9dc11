"""Which version is the server's default: a decision that somebody takes and may take back, never the newest row.

Every change is in the audit log. Projects that pin a version are not touched.
"""

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, InvalidError
from annotator.inference.models import DefaultDecision, ModelVersion, Training
from annotator.inference.selectors import default_model_version
from annotator.inference.signals import default_changed


@transaction.atomic
def set_default(label: str, *, by: AbstractBaseUser | None = None) -> ModelVersion:
    """Make a version the default; `by` names who decides where no request says so. Raise InvalidError for no version.

    Without a label of a version, the latest version of a model of that name is meant. Nothing happens where it is the
    default already.
    """
    row = find_version(label)
    before = default_model_version()
    if before is None or before.pk != row.pk:
        DefaultDecision.objects.create(version=row)
        _tell(Verb.MODEL_DEFAULT, before, row, by=by)
    return row


@transaction.atomic
def take_back_default(*, by: AbstractBaseUser | None = None) -> ModelVersion:
    """Return to the default of before; raise ConflictError (`nothing_to_take_back`) where there was none."""
    standing = list(DefaultDecision.objects.select_for_update(no_key=True).filter(taken_back_at=None)[:2])
    if len(standing) < 2:
        raise ConflictError(_("There was no default model before this one."), code="nothing_to_take_back")
    latest, before = standing
    latest.taken_back_at = timezone.now()
    latest.save(update_fields=["taken_back_at"])
    _tell(Verb.MODEL_DEFAULT_BACK, latest.version, before.version, by=by)
    return before.version


def decide_first(row: ModelVersion) -> None:
    """Make a version the default of a server that never had one; no decision of a person is needed for that."""
    if not DefaultDecision.objects.exists():
        set_default(row.version)


def find_version(label: str) -> ModelVersion:
    """Return a version by its label, or the latest of a model's name; raise InvalidError (`no_such_model`).

    What was trained on a project's masks is meant only where its label says so.
    """
    row = ModelVersion.objects.filter(version=label).first()
    named = ModelVersion.objects.filter(name=label).exclude(training=Training.PROJECT)
    row = row or named.order_by("-number").first()
    if row is None:
        raise InvalidError(_("There is no model version “%(version)s”.") % {"version": label}, code="no_such_model")
    return row


def _tell(verb: Verb, before: ModelVersion | None, after: ModelVersion, *, by: AbstractBaseUser | None) -> None:
    was, becomes = {"version": before.version if before else None}, {"version": after.version}
    record_event(verb, after, name=after.version, before=was, after=becomes, by=by)
    if before is not None:  # the first default replaces nothing
        default_changed.send(sender=ModelVersion, version=after)
