"""Change projects, labels and members. Access is checked by the caller through access.py."""

from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.audit.services import fields_of, record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, InvalidError
from annotator.inference.models import ModelVersion
from annotator.live.hints import send_hint
from annotator.projects.commands import LabelChanges, NewLabel, NewProject, ProjectChanges
from annotator.projects.model_choice import choose_model, find_model
from annotator.projects.models import Label, Membership, Project, Role
from annotator.projects.palette import next_color
from annotator.projects.signals import model_chosen

MAX_LABELS = 2000
MAX_EVENTS_AT_ONCE = 20
TOLD_OF_LABELS = ("name", "color", "key", "position", "attributes")
MAX_POSITION = 2**31 - 1


@transaction.atomic
def create_project(user: User, wanted: NewProject) -> Project:
    """Create a project with its labels; the maker becomes its admin."""
    project = Project.objects.create(
        name=wanted.name,
        description=wanted.description,
        guidelines=wanted.guidelines,
        stage=wanted.stage,
        settings=dict(wanted.settings),
        model_version=find_model(wanted.model_version),
        created_by=user,
    )
    Membership.objects.create(project=project, user=user, role=Role.ADMIN)
    record_event(Verb.PROJECT_MADE, project, project=project, by=user, after={"stage": str(project.stage)})
    create_labels(project, wanted.labels, by=user)
    return project


@transaction.atomic
def update_project(project: Project, changes: ProjectChanges) -> Project:
    """Change the given fields; settings are merged key by key."""
    project = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    before, was_archived = _told_fields(project), project.archived_at is not None
    if changes.pin is not None:
        choose_model(project, changes.pin.version)
    if changes.is_archived is not None:
        project.archived_at = (project.archived_at or timezone.now()) if changes.is_archived else None
    if changes.settings is not None:
        merged = {**project.settings, **changes.settings}
        project.settings = {key: value for key, value in merged.items() if value is not None}
    for name in ("name", "description", "guidelines", "stage"):
        value = getattr(changes, name)
        if value is not None:
            setattr(project, name, value)
    project.save()
    _record_changes(project, before, was_archived=was_archived)
    if before["model_version"] != _label_of(project.model_version):
        model_chosen.send(sender=Project, project=project)
    return project


def _told_fields(project: Project) -> dict[str, object]:
    """Return what the audit log tells of a project, each setting under a name of its own."""
    fields = fields_of(project, "name", "description", "guidelines")
    settings = {f"settings.{name}": value for name, value in project.settings.items()}
    return {**fields, "stage": str(project.stage), "model_version": _label_of(project.model_version), **settings}


def _label_of(version: ModelVersion | None) -> str | None:
    return version.version if version else None


def _record_changes(project: Project, before: Mapping[str, object], *, was_archived: bool) -> None:
    is_archived = project.archived_at is not None
    if is_archived != was_archived:
        verb = Verb.PROJECT_ARCHIVED if is_archived else Verb.PROJECT_UNARCHIVED
        record_event(verb, project, project=project)
    after = _told_fields(project)
    if before != after:
        record_event(Verb.PROJECT_CHANGED, project, project=project, before=before, after=after)


@transaction.atomic
def archive_project(project: Project) -> None:
    """Put a project out of sight; nothing is deleted and `is_archived: false` brings it back."""
    if Project.objects.filter(pk=project.pk, archived_at=None).update(archived_at=timezone.now()):
        record_event(Verb.PROJECT_ARCHIVED, project, project=project)


def create_label(project: Project, wanted: NewLabel, *, by: User | None = None) -> Label:
    """Add a label; raise ConflictError when its name or key is taken or the project has MAX_LABELS."""
    return create_labels(project, [wanted], by=by)[0]


def create_labels(project: Project, wanted: Sequence[NewLabel], *, by: User | None = None) -> list[Label]:
    """Add labels in one statement; raise ConflictError when a name or key is taken or they would exceed MAX_LABELS.

    `by` names who does it where no request says so.
    """
    existing = list(project.labels.all())
    if len(existing) + len(wanted) > MAX_LABELS:
        message = _("A project has %(most)s labels at most.") % {"most": f"{MAX_LABELS:,}"}
        raise ConflictError(message, code="too_many_labels", extra={"limit": MAX_LABELS})
    colors = [label.color for label in existing]
    position = max((label.position for label in existing), default=-1)
    labels = []
    for one in wanted:
        color = one.color or next_color(colors)
        colors.append(color)
        position = min(max(position, position + 1 if one.position is None else one.position), MAX_POSITION)
        own = position if one.position is None else one.position
        attributes = list(one.attributes)
        labels.append(
            Label(project=project, name=one.name, color=color, key=one.key, position=own, attributes=attributes)
        )
    try:
        with transaction.atomic():
            made = Label.objects.bulk_create(labels)
            _record_labels(project, made, by=by)
            return made
    except IntegrityError as error:
        raise _taken(existing, wanted) from error


def _record_labels(project: Project, labels: list[Label], *, by: User | None) -> None:
    """Record new labels: one by one where they are few, else all in one event."""
    if len(labels) > MAX_EVENTS_AT_ONCE:
        told = {"number": len(labels), "names": [label.name for label in labels]}
        record_event(Verb.LABEL_ADDED, name=labels[0].name, project=project, after=told, by=by)
        return
    for label in labels:
        record_event(Verb.LABEL_ADDED, label, project=project, after=fields_of(label, *TOLD_OF_LABELS), by=by)


def _taken(existing: list[Label], wanted: Sequence[NewLabel]) -> ConflictError:
    """Return the refusal that names the first new label whose name or key is there already."""
    names, keys = {label.name for label in existing}, {label.key for label in existing}
    for one in wanted:
        if one.name in names or (one.key and one.key in keys):
            return _label_conflict(one)
        names.add(one.name)
        keys.add(one.key)
    return _label_conflict(wanted[0])


def update_label(label: Label, changes: LabelChanges) -> Label:
    """Change a label; raise ConflictError when its new name or key is taken."""
    before = fields_of(label, *TOLD_OF_LABELS)
    for name in TOLD_OF_LABELS:
        value = getattr(changes, name)
        if value is not None:
            setattr(label, name, value)
    after = fields_of(label, *TOLD_OF_LABELS)
    try:
        with transaction.atomic():
            label.save()
            if before != after:
                record_event(Verb.LABEL_CHANGED, label, project=label.project, before=before, after=after)
    except IntegrityError as error:
        raise _label_conflict(changes) from error
    return label


@transaction.atomic
def delete_label(label: Label, *, told: Mapping[str, object] | None = None, by: User | None = None) -> None:
    """Delete a label that no mask has any more (annotations/label_removal.py); `told` is what became of them."""
    before = fields_of(label, *TOLD_OF_LABELS)
    record_event(Verb.LABEL_DELETED, label, project=label.project, before=before, after=told, by=by)
    label.delete()


def add_member(project: Project, *, username: str, role: str, by: User) -> Membership:
    """Make somebody a member; raise ConflictError for a member, InvalidError for a name that `by` may not know.

    Only server admins may add anybody. Others add people with whom they share a project, and hear the same of a name
    that they do not know and of one that nobody has; for everybody else there are links (links.py).
    """
    user = User.objects.filter(username=username.strip(), is_active=True).first()
    if user is None or not (by.is_superuser or shares_project(by, user)):
        message = _(
            "There is no user named “%(username)s” among people you share a project with. Invite others by a link."
        )
        raise InvalidError(message % {"username": username}, code="no_such_user")
    return make_member(project, user, role=role)


def shares_project(user: User, other: User) -> bool:
    """Say whether two people are members of one project."""
    return Membership.objects.filter(user=other, project__memberships__user=user).exists()


def make_member(project: Project, user: User, *, role: str) -> Membership:
    """Make an account a member; raise ConflictError when it is one."""
    try:
        with transaction.atomic():
            member = Membership.objects.create(project=project, user=user, role=role)
            record_event(Verb.MEMBER_ADDED, user, project=project, after={"role": str(role)})
            return member
    except IntegrityError as error:
        message = _("%(username)s is a member already.") % {"username": user.username}
        raise ConflictError(message, code="already_member") from error


@transaction.atomic
def change_role(member: Membership, *, role: str) -> Membership:
    """Change a member's role; raise ConflictError when the project would lose its last admin."""
    if role != Role.ADMIN:
        _keep_an_admin(member)
    before, member.role = str(member.role), role
    member.save(update_fields=["role"])
    if before != role:
        was, becomes = {"role": before}, {"role": str(role)}
        record_event(Verb.MEMBER_ROLE, member.user, project=member.project, before=was, after=becomes)
    return member


@transaction.atomic
def remove_member(member: Membership) -> None:
    """Remove a member; what the person made stays, what the person held returns to the queue (queue/receivers.py).

    Raises ConflictError for the last admin.
    """
    _keep_an_admin(member)
    project_id, user_id = member.project_id, member.user_id
    record_event(Verb.MEMBER_REMOVED, member.user, project=member.project, before={"role": str(member.role)})
    member.delete()
    send_hint(project_id, "member.removed", user_id=user_id)


def _keep_an_admin(member: Membership) -> None:
    admins = Membership.objects.select_for_update(no_key=True).filter(project=member.project_id, role=Role.ADMIN)
    if member.role == Role.ADMIN and len(list(admins)) == 1:
        raise ConflictError(_("A project keeps at least one admin."), code="last_admin")


def _label_conflict(wanted: NewLabel | LabelChanges) -> ConflictError:
    return ConflictError(
        _("Another label has the name “%(name)s” or the key “%(key)s”.") % {"name": wanted.name, "key": wanted.key},
        code="label_taken",
    )
