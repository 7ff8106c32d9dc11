"""Change projects, labels and members. Access is checked by the caller through access.py."""

from typing import Any

from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotator.accounts.models import User
from annotator.errors import ConflictError, InvalidError
from annotator.live.hints import send_hint
from annotator.projects.models import Label, Membership, Project, Role
from annotator.projects.palette import next_color


@transaction.atomic
def create_project(user: User, *, fields: dict[str, Any], labels: list[dict[str, Any]]) -> Project:
    """Create a project with its labels; the maker becomes its admin."""
    version = fields.pop("model_version", None)
    project = Project.objects.create(created_by=user, model_version=_find_model(version), **fields)
    Membership.objects.create(project=project, user=user, role=Role.ADMIN)
    for label in labels:
        create_label(project, fields=label)
    return project


@transaction.atomic
def update_project(project: Project, *, changes: dict[str, Any]) -> Project:
    """Change the given fields; settings are merged key by key."""
    project = Project.objects.select_for_update().get(pk=project.pk)
    if "model_version" in changes:
        project.model_version = _find_model(changes.pop("model_version"))
    if (archived := changes.pop("is_archived", None)) is not None:
        project.archived_at = (project.archived_at or timezone.now()) if archived else None
    if (settings := changes.pop("settings", None)) is not None:
        merged = {**project.settings, **settings}
        project.settings = {key: value for key, value in merged.items() if value is not None}
    for name, value in changes.items():
        if value is not None:
            setattr(project, name, value)
    project.save()
    return project


def archive_project(project: Project) -> None:
    """Put a project out of sight; nothing is deleted and `is_archived: false` brings it back."""
    Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=timezone.now())


def create_label(project: Project, *, fields: dict[str, Any]) -> Label:
    """Add a label; raise ConflictError when its name or key is taken."""
    existing = list(project.labels.all())
    fields = {**fields, "color": fields.get("color") or next_color([label.color for label in existing])}
    if fields.get("position") is None:
        fields["position"] = max((label.position for label in existing), default=-1) + 1
    try:
        with transaction.atomic():
            return Label.objects.create(project=project, **fields)
    except IntegrityError as error:
        raise _label_conflict(fields) from error


def update_label(label: Label, *, changes: dict[str, Any]) -> Label:
    """Change a label; raise ConflictError when its new name or key is taken."""
    for name, value in changes.items():
        if value is not None:
            setattr(label, name, value)
    try:
        with transaction.atomic():
            label.save()
    except IntegrityError as error:
        raise _label_conflict(changes) from error
    return label


def delete_label(label: Label) -> None:
    """Delete a label; its masks stay, without a label."""
    label.delete()


def add_member(project: Project, *, username: str, role: str) -> Membership:
    """Make an existing user a member; raise InvalidError for an unknown name, ConflictError for a member."""
    user = User.objects.filter(username=username.strip(), is_active=True).first()
    if user is None:
        raise InvalidError(f"There is no user named {username!r}.", code="no_such_user")
    try:
        with transaction.atomic():
            return Membership.objects.create(project=project, user=user, role=role)
    except IntegrityError as error:
        raise ConflictError(f"{username} is a member already.", code="already_member") from error


@transaction.atomic
def change_role(member: Membership, *, role: str) -> Membership:
    """Change a member's role; raise ConflictError when the project would lose its last admin."""
    if role != Role.ADMIN:
        _keep_an_admin(member)
    member.role = role
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def remove_member(member: Membership) -> None:
    """Remove a member; what the person made stays, what the person held returns to the queue (engine/receivers.py).

    Raises ConflictError for the last admin.
    """
    _keep_an_admin(member)
    project_id, user_id = member.project_id, member.user_id
    member.delete()
    send_hint(project_id, "member.removed", user_id=user_id)


def _keep_an_admin(member: Membership) -> None:
    admins = Membership.objects.select_for_update().filter(project=member.project_id, role=Role.ADMIN)
    if member.role == Role.ADMIN and len(list(admins)) == 1:
        raise ConflictError("A project keeps at least one admin.", code="last_admin")


def _find_model(version: str | None) -> Any:
    if version is None:
        return None
    row = apps.get_model("inference", "ModelVersion").objects.filter(version=version).first()
    if row is None:
        raise InvalidError(f"There is no model version {version!r}.", code="no_such_model")
    return row


def _label_conflict(fields: dict[str, Any]) -> ConflictError:
    return ConflictError(
        f"Another label has the name {fields.get('name')!r} or the key {fields.get('key')!r}.", code="label_taken"
    )
