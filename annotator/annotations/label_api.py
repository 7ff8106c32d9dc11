"""Endpoints of one label. They stand here because deleting one has to say what becomes of its masks."""

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Router, Status

from annotator.accounts.authentication import user_of
from annotator.annotations.label_removal import remove_label
from annotator.jobs.schemas import JobOut
from annotator.projects import schemas
from annotator.projects.api import managed_label
from annotator.projects.models import Label
from annotator.projects.services import update_label

router = Router(tags=["projects"])


@router.patch("/labels/{int:label_id}", response=schemas.LabelOut)
def patch_label(request: HttpRequest, label_id: int, body: schemas.LabelPatch) -> Label:
    """Change a label."""
    return update_label(managed_label(request, label_id), body.command())


@router.delete("/labels/{int:label_id}", response={204: None, 202: JobOut})
def delete_label(
    request: HttpRequest, label_id: int, masks: Literal["", "move", "keep"] = "", to: int | None = None
) -> Status[Any]:
    """Delete a label. Where masks have it, `masks` must say what becomes of them.

    `move` gives them the label `to`, `keep` leaves them without one; without either 409 `label_in_use` tells their
    number. 202 and a job where there are many.
    """
    job = remove_label(managed_label(request, label_id), user_of(request), masks=masks, to=to)
    return Status(204, None) if job is None else Status(202, job)
