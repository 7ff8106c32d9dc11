"""Ask for improvements, choose what came of them, and go back. Access is checked by the caller."""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.annotations.models import Annotation
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.automatic import embedding_jobs
from annotator.errors import ConflictError, InvalidError, MissingError
from annotator.inference.models import ModelVersion
from annotator.inference.selectors import model_version_of
from annotator.jobs import services as jobs
from annotator.jobs.models import Job, JobStatus
from annotator.projects.access import Right, require_right
from annotator.projects.commands import ModelPin, ProjectChanges
from annotator.projects.model_choice import latest_choice, take_back_model
from annotator.projects.models import Project
from annotator.projects.services import update_project
from annotator.training import improvement_tasks, snapshots
from annotator.training.improvement_options import DEVICES, RECIPES, USUAL_MINUTES, minutes_problem
from annotator.training.models import Improvement
from annotator.training.run_progress import PARTS
from annotator.training.run_result import picture_name

KIND = "improve"
KEY = "project"  # one run a project at a time
SHOWN = 20
LOOKED_AT = 24
DISAGREES_BELOW = 0.5  # IoU of the new model's answer to three clicks with the person's mask


@dataclass(frozen=True, kw_only=True)
class ImprovementOrder:
    """What to learn from and for how long; an empty recipe or device lets the training process choose."""

    minutes: int = USUAL_MINUTES
    recipe: str = ""
    device: str = ""
    filters: snapshots.DatasetFilters = field(default_factory=snapshots.DatasetFilters)


def start_improvement(
    project: Project, order: ImprovementOrder, *, user: User | None, is_automatic: bool = False
) -> Improvement:
    """Ask for an improvement of the project's model.

    Raises ConflictError (`job_running`) while one is under way, InvalidError for what cannot be done.
    """
    parent = _check(project, order)
    masks = snapshots.count(project, order.filters).masks
    if not masks:
        words = _(
            "There is nothing to learn from: no accepted mask of a submitted or reviewed image fits. Submit images "
            "with masks first, or choose fewer filters."
        )
        raise InvalidError(words, code="no_masks")
    with transaction.atomic():
        job = _start_job(project, user)
        row = Improvement.objects.create(
            project=project, number=_next_number(project), job=job, parent=parent, recipe=order.recipe,
            minutes=order.minutes, device=order.device, masks=masks, started_by=user, is_automatic=is_automatic,
            filters=order.filters.model_dump(mode="json", exclude_defaults=True),
        )  # fmt: skip
        told = {"model": parent.version, "masks": masks, "minutes": order.minutes, "by_itself": is_automatic}
        record_event(Verb.IMPROVEMENT_STARTED, row, project=project, after=told, by=user)
    return row


def _check(project: Project, order: ImprovementOrder) -> ModelVersion:
    """Return the version to improve; raise InvalidError for an order that nobody can do."""
    if reason := minutes_problem(order.minutes):
        raise InvalidError(_("Nothing was started: %(reason)s.") % {"reason": reason}, code="bad_minutes")
    for value, known, code in ((order.recipe, RECIPES, "bad_recipe"), (order.device, DEVICES, "bad_device")):
        if value not in known:
            words = _("“%(value)s” is not known here. Choose one of: %(known)s.")
            raise InvalidError(words % {"value": value[:50], "known": ", ".join(filter(None, known))}, code=code)
    if project.archived_at:
        raise InvalidError(_("The project is archived. Bring it back first."), code="project_archived")
    parent = model_version_of(project)
    if parent is None:
        raise InvalidError(_("There is no model to improve yet. Install one first."), code="no_model")
    return parent


def _start_job(project: Project, user: User | None) -> Job:
    try:
        return jobs.start_job(
            project, kind=KIND, key=KEY, task=improvement_tasks.improve_model, params={}, total=PARTS, user=user
        )
    except ConflictError as error:
        words = _(
            "This project's model is being improved already, or that is paused. Wait for it, or cancel it, before "
            "another one starts."
        )
        raise ConflictError(words, code=error.code, extra=error.extra) from error


def _next_number(project: Project) -> int:
    return (Improvement.objects.filter(project=project).aggregate(last=Max("number"))["last"] or 0) + 1


def find_improvement(user: User, improvement_id: int, *, right: Right = Right.VIEW) -> Improvement:
    """Return an improvement of a project on which the person has the right; MissingError tells outsiders nothing."""
    row = improvement_rows().filter(pk=improvement_id).first()
    try:
        if row is not None:
            require_right(user, row.project_id, right=right)
            return row
    except MissingError:
        pass
    raise MissingError(_("There is no such improvement."))


def improvement_rows() -> QuerySet[Improvement]:
    """Return the improvements with what is told of them, newest first."""
    return Improvement.objects.select_related("project", "job", "dataset", "parent", "version", "started_by")


def open_improvement(project: Project) -> Improvement | None:
    """Return the improvement that waits, runs, is paused, or failed last and may be gone on with."""
    latest = improvement_rows().filter(project=project).first()
    statuses = (*jobs.OPEN_STATUSES, JobStatus.FAILED)
    return latest if latest and latest.job and latest.job.status in statuses else None


def use_improvement(row: Improvement, user: User) -> Job | None:
    """Let the project keep to the new version, and embed with it in the background; return the job that embeds.

    Photos are worked on with the version before until they are embedded. Raises ConflictError (`no_version`).
    """
    if row.version is None:
        words = _("This improvement has made no model version that could be used.")
        raise ConflictError(words, code="no_version")
    project = update_project(row.project, ProjectChanges(pin=ModelPin(row.version.version)))
    with suppress(InvalidError):  # every photo is embedded
        return embedding_jobs.start_embedding(project, user)
    return None


def roll_back(project: Project) -> Project:
    """Return to the model of before; raise ConflictError (`nothing_to_take_back`) where none was chosen."""
    return take_back_model(project)


def version_before(project: Project) -> tuple[bool, ModelVersion | None]:
    """Return whether the project's choice can be rolled back, and to which version; None is the server's default."""
    choice = latest_choice(project)
    return choice is not None, choice.before if choice else None


def masks_to_look_at(row: Improvement) -> list[Annotation]:
    """Return the held-out masks that the new model, asked with three clicks, disagrees with most, LOOKED_AT at most.

    Either side may be wrong: people look. Masks that were changed or deleted since are left out.
    """
    found = [entry for entry in row.result.get("per_mask", []) if entry["after"] < DISAGREES_BELOW]
    worst = sorted(found, key=lambda entry: float(entry["after"]))[:LOOKED_AT]
    since = row.dataset.created_at if row.dataset else row.created_at
    rows = Annotation.objects.filter(image__project=row.project_id, deleted_at=None, updated_at__lte=since)
    by_id = {str(mask.pk): mask for mask in rows.filter(pk__in=_uuids(worst)).select_related("image", "label")}
    return [by_id[str(entry["id"])] for entry in worst if str(entry["id"]) in by_id]


def _uuids(entries: list[dict[str, object]]) -> list[str]:
    found = []
    for entry in entries:
        with suppress(ValueError):
            found.append(str(uuid.UUID(str(entry["id"]))))
    return found


def drop_pictures_of(image_id: int, project_id: int) -> None:
    """Delete what comparisons show of an image, which goes for good."""
    for row in Improvement.objects.filter(project=project_id):
        pictures = row.result.get("pictures", [])
        gone = [picture for picture in pictures if picture["image"] == image_id]
        if gone:
            row.result = {**row.result, "pictures": [picture for picture in pictures if picture not in gone]}
            row.save(update_fields=["result"])
            transaction.on_commit(partial(_delete_files, [picture_name(row.pk, picture["file"]) for picture in gone]))


def _delete_files(names: Iterable[str]) -> None:
    for name in names:
        default_storage.delete(name)


def open_picture(row: Improvement, name: str) -> bytes:
    """Return a picture of a comparison; raise MissingError where there is none of that name."""
    missing = MissingError(_("There is no such picture."))
    if name not in {picture["file"] for picture in row.result.get("pictures", [])}:
        raise missing
    try:
        with default_storage.open(picture_name(row.pk, name), "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        raise missing from None
