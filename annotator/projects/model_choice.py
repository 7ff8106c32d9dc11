"""Which model version a project keeps to, and how that is taken back. Access is checked by the caller."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, InvalidError
from annotator.inference.models import ModelVersion
from annotator.projects.models import ModelChoice, Project
from annotator.projects.signals import model_chosen


def choose_model(project: Project, label: str | None) -> None:
    """Let the (locked, unsaved) project keep to a version, or follow the default (None); remember what was before."""
    version = find_model(label)
    if version != project.model_version:
        ModelChoice.objects.create(project=project, before=project.model_version, after=version)
    project.model_version = version


@transaction.atomic
def take_back_model(project: Project) -> Project:
    """Return to the project's choice of before; raise ConflictError (`nothing_to_take_back`) where it has made none."""
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    choice = latest_choice(project)
    if choice is None:
        raise ConflictError(_("The project has chosen no other model before."), code="nothing_to_take_back")
    was, project.model_version = project.model_version, choice.before
    project.save(update_fields=["model_version"])
    ModelChoice.objects.filter(pk=choice.pk).update(taken_back_at=timezone.now())
    before, after = ({"model_version": row.version if row else None} for row in (was, choice.before))
    record_event(Verb.PROJECT_MODEL_BACK, project, project=project, before=before, after=after)
    model_chosen.send(sender=Project, project=project)
    return project


def latest_choice(project: Project) -> ModelChoice | None:
    """Return the choice that can be taken back."""
    rows = ModelChoice.objects.filter(project=project, taken_back_at=None)
    return rows.select_related("before", "after").first()


def find_model(label: str | None) -> ModelVersion | None:
    """Return a version by its label, None for none; raise InvalidError (`no_such_model`)."""
    if label is None:
        return None
    row = ModelVersion.objects.filter(version=label).first()
    if row is None:
        raise InvalidError(_("There is no model version “%(version)s”.") % {"version": label}, code="no_such_model")
    return row
