"""Write events, inside the transaction of the change that they tell of. Imported by every room, imports none."""

import json
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Model
from django.utils import timezone

from annotator.audit.acting import who_acts
from annotator.audit.models import MAX_NAME_LENGTH, AuditEvent
from annotator.audit.verbs import Verb
from annotator.storable import why_unstorable

MAX_TEXT = 300
MAX_LIST = 20
MAX_FIELDS = 40
MAX_CHANGES_BYTES = 8 * 1024
AT_ONCE = 10_000
Changes = dict[str, list[object]]  # {field: [from, to]}


def record_event(
    verb: Verb,
    target: Model | None = None,
    *,
    name: str = "",
    project: Model | None = None,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    by: AbstractBaseUser | None = None,
) -> AuditEvent:
    """Add an event; call it inside the change's transaction, before the target's row is deleted.

    `before` and `after` hold the fields that matter; those that differ are kept as {field: [from, to]}, cut to
    MAX_CHANGES_BYTES. Who acts, with which token and from where comes from the request; `by` names the person where
    there is none (commands, tasks) or somebody else acted. Never pass a password, a token or a link's address.
    """
    acting = who_acts()
    actor = by or acting.user
    return AuditEvent.objects.create(
        verb=verb.value,
        actor_id=getattr(actor, "pk", None),
        actor_name=actor.get_username()[:150] if actor else "",
        token_name=acting.token_name[:100],
        address=acting.address[:45],
        object_kind=verb.kind,
        object_id="" if target is None or target.pk is None else str(target.pk)[:40],
        object_name=_storable(name or ("" if target is None else str(target)))[:MAX_NAME_LENGTH],
        project_id=getattr(project, "pk", None),
        project_name=_storable(getattr(project, "name", ""))[:200],
        changes=what_changed(before or {}, after or {}),
    )


def what_changed(before: Mapping[str, object], after: Mapping[str, object]) -> Changes:
    """Return {field: [from, to]} of the fields that differ, cut so that one event stays small."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    changes: Changes = {str(name)[:100]: [_cut(before.get(name)), _cut(after.get(name))] for name in names[:MAX_FIELDS]}
    if len(names) > MAX_FIELDS or len(json.dumps(changes)) > MAX_CHANGES_BYTES or why_unstorable(changes):
        return {str(name)[:100]: ["…", "…"] for name in names[:MAX_FIELDS] if not why_unstorable(name)}
    return changes


def fields_of(row: Model, *names: str) -> dict[str, object]:
    """Return some fields of a row, for `before` and `after`."""
    return {name: getattr(row, name) for name in names}


def forget_old_events() -> int:
    """Remove events older than AUDIT_DAYS, a bounded number at once; return how many went."""
    moment = timezone.now() - timedelta(days=settings.AUDIT_DAYS)
    return AuditEvent.objects.forget_older_than(moment, at_most=AT_ONCE)


def _cut(value: object) -> object:
    """Return a value as JSON of bounded size: long texts and lists end in an ellipsis."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(name)[:100]: _cut(part) for name, part in list(value.items())[:MAX_LIST]}
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [_cut(part) for part in list(value)[:MAX_LIST]]
        return [*parts, "…"] if len(value) > MAX_LIST else parts
    text = str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _storable(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()
