"""The rules that bind whoever saves masks: archived projects, reviewed images, other people's leases, locked masks.

Annotators are bound. Reviewers and admins are bound as well until they say `override`; then it is done and recorded.
"""

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from annotator.accounts.models import User
from annotator.annotations.commands import Operation
from annotator.annotations.fields import OperationRejectedError
from annotator.annotations.models import Annotation, AnnotationRevision
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.images.models import Image, WorkStatus
from annotator.projects.access import Right, has_right, role_of
from annotator.projects.models import Project

ARCHIVED, REVIEWED, HELD, LOCKED = "project_archived", "image_reviewed", "held_by_other", "mask_locked"
_HARMLESS = {"active_ms"}  # what may change of a locked mask: how long somebody looked at it


@dataclass
class Binding:
    """What binds one person on one image at present, and which rules were overridden so far."""

    image: Image
    user: User
    may_override: bool
    standing: dict[str, str]  # code -> sentence, of the rules that hold for every mask of the image
    overridden: list[tuple[str, str]] = field(default_factory=list)  # code and mask
    _open: list[tuple[str, str]] = field(default_factory=list)  # of the operation that is being tried

    def check_image(self, operation: Operation) -> None:
        """Raise OperationRejectedError where the image may not be changed; call it first for each operation."""
        self._open = []
        for code, message in self.standing.items():
            self._refuse_or_note(operation, code, message)

    def check_mask(self, operation: Operation, row: Annotation) -> None:
        """Raise OperationRejectedError where the mask is locked by somebody else and the operation changes it."""
        if not row.is_locked or not _touches(operation):
            return
        is_unlocking = operation.fields.get("is_locked") is False
        if is_unlocking and _who_locked(row) == self.user.pk:
            return
        self._refuse_or_note(operation, LOCKED, _("The mask is locked. Whoever locked it, or a reviewer, unlocks it."))

    def note_applied(self) -> None:
        """Keep what the operation has overridden, now that it is applied."""
        self.overridden += self._open
        self._open = []

    def record(self) -> None:
        """Write into the audit log what was overridden, once for all operations of a request."""
        if self.overridden:
            rules, masks = (sorted(set(names)) for names in zip(*self.overridden, strict=True))
            told = {"rules": rules, "masks": masks, "number": len(masks)}
            record_event(Verb.RULE_OVERRIDDEN, self.image, project=self.image.project, by=self.user, after=told)

    def _refuse_or_note(self, operation: Operation, code: str, message: str) -> None:
        if not (self.may_override and operation.override):
            raise OperationRejectedError(code, message)
        self._open.append((code, str(operation.annotation_id)))


def bind(image: Image, user: User) -> Binding:
    """Return what binds the person on the image; call it inside the transaction that saves.

    The image's row is locked first, as by whoever changes leases or reviews: none of it changes before all is saved.
    """
    locked = Image.objects.select_for_update(no_key=True).filter(pk=image.pk).only("pk", "work_status").first()
    archived = Project.objects.filter(pk=image.project_id).exclude(archived_at=None).exists()
    standing = {}
    if archived:
        standing[ARCHIVED] = _("The project is archived.")
    if locked is not None and locked.work_status == WorkStatus.REVIEWED:
        standing[REVIEWED] = _("A reviewer has accepted this image.")
    if holder := _other_holder(image, user):
        standing[HELD] = _("%(name)s is working on this image.") % {"name": holder.display_name}
    may_override = has_right(role_of(user, image.project_id), Right.REVIEW)
    return Binding(image=image, user=user, may_override=may_override, standing=standing)


def _other_holder(image: Image, user: User) -> User | None:
    lease = image.leases.living().exclude(user=user).select_related("user").first()
    return lease.user if lease else None


def _touches(operation: Operation) -> bool:
    if operation.type == "delete":
        return True
    return operation.type == "update" and bool(set(operation.fields) - _HARMLESS)


def _who_locked(row: Annotation) -> int | None:
    """Return who made the mask locked, as its history tells."""
    history = AnnotationRevision.objects.filter(annotation=row)
    unlocked = history.exclude(snapshot__is_locked=True).order_by("-revision").values_list("revision", flat=True)
    since = history.filter(revision__gt=unlocked.first() or 0).order_by("revision")
    who: int | None = since.values_list("author_id", flat=True).first()
    return who
