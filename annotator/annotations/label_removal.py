"""Delete a label together with a decision about its masks: another label, or none. Large labels go as a job.

Access is checked by the caller.
"""

from django.db import transaction
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.annotations.label_removal_job import KIND, find_target
from annotator.annotations.models import Annotation
from annotator.annotations.relabelling import count_masks, relabel_masks
from annotator.annotations.tasks import remove_label_of_many
from annotator.errors import ConflictError
from annotator.jobs import services as jobs
from annotator.jobs.models import Job
from annotator.projects.models import Label
from annotator.projects.services import delete_label
from annotator.races import once_more_after_race

IN_ONE_REQUEST = 500  # masks; more would hold the database for longer than others wait


@once_more_after_race
def remove_label(label: Label, user: User, *, masks: str = "", to: int | None = None) -> Job | None:
    """Delete a label; `masks` says what becomes of those that have it: "move" them to the label `to`, or "keep" them.

    Return the job where there are too many for one request, else None. Raises ConflictError (`label_in_use`,
    extra.masks) when masks have the label and nothing was said about them.
    """
    count = count_masks(label)
    if count and masks not in ("move", "keep"):
        message = _("Masks have this label. Say what becomes of them: another label, or none.")
        raise ConflictError(message, code="label_in_use", extra={"masks": count})
    target = find_target(label, to) if masks == "move" else None
    if Annotation.objects.filter(label=label).count() > IN_ONE_REQUEST:
        return _start(label, target, user, total=count)
    with transaction.atomic():
        while relabel_masks(label, to=target, by=user, at_most=IN_ONE_REQUEST):
            pass
        delete_label(label, told={"masks": count, "masks_moved_to": target.name if target else None}, by=user)
    return None


def _start(label: Label, target: Label | None, user: User, *, total: int) -> Job:
    params = {"label_id": label.pk, "name": label.name, "to": target.pk if target else None}
    key = f"label-{label.pk}"
    return jobs.start_job(
        label.project, kind=KIND, task=remove_label_of_many, params=params, user=user, total=total, key=key
    )
