"""What the audit log says of files that leave the server: exports made, downloaded and shared."""

from datetime import timedelta

from django.utils import timezone

from annotator.accounts.models import User
from annotator.audit.acting import who_acts
from annotator.audit.models import AuditEvent
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.exchange.models import ExportFile, ExportLink
from annotator.exchange.orders import ExportOrder
from annotator.projects.models import Project

ONE_DOWNLOAD = timedelta(hours=1)


def note_export(project: Project, order: ExportOrder, *, masks: dict[str, object], by: User | None) -> None:
    """Record a finished export with what was chosen and how many masks (of its certificate) it holds."""
    chosen = order.options.model_dump(mode="json", exclude_defaults=True)
    told = {"format": order.options.format, **chosen, "masks_written": masks.get("written")}
    record_event(Verb.EXPORT_MADE, name=order.name, project=project, after=told, by=by)


def note_download(file: ExportFile, *, is_partial: bool, link: ExportLink | None = None) -> None:
    """Record a download. Parts of one download, by the same person from the same address, are one event."""
    if is_partial and _is_going_on(file):
        return
    told: dict[str, object] = {"bytes": file.byte_size}
    if link is not None:
        told |= {"link": link.pk, "link_made_by": link.created_by.username}
    record_event(Verb.EXPORT_DOWNLOADED, file, project=file.project, after=told)


def _is_going_on(file: ExportFile) -> bool:
    acting = who_acts()
    events = AuditEvent.objects.filter(verb=Verb.EXPORT_DOWNLOADED.value, at__gte=timezone.now() - ONE_DOWNLOAD)
    actor = acting.user.pk if acting.user else None
    return events.filter(object_id=str(file.pk), actor_id=actor, address=acting.address).exists()
