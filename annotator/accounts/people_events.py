"""What the audit log says of people: sign-ins, sign-outs, and every change of an account, by whichever way it came."""

from collections.abc import Mapping
from datetime import timedelta

from axes.signals import user_locked_out
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from annotator.accounts.models import User
from annotator.audit.acting import who_acts
from annotator.audit.models import AuditEvent
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb


@receiver(user_logged_in)
def note_sign_in(sender: object, *, user: User, **kwargs: object) -> None:
    """Record a sign-in."""
    record_event(Verb.SIGNED_IN, user, by=user)


@receiver(user_logged_out)
def note_sign_out(sender: object, *, user: User | None, **kwargs: object) -> None:
    """Record a sign-out."""
    if user is not None:
        record_event(Verb.SIGNED_OUT, user, by=user)


@receiver(user_login_failed)
def note_failure(
    sender: object, *, credentials: Mapping[str, object], request: HttpRequest | None = None, **kw: object
) -> None:
    """Record a failed sign-in; what fails while the account is locked for that address is not recorded again."""
    name = str(credentials.get("username") or "")
    if request is not None and not _is_known_as_locked(name):
        record_event(Verb.SIGN_IN_FAILED, name=name)


@receiver(user_locked_out)
def note_lock(sender: object, *, username: str | None, **kwargs: object) -> None:
    """Record that an account is locked for an address, once for as long as a lock lasts."""
    if not _is_known_as_locked(username or ""):
        record_event(Verb.SIGN_IN_LOCKED, name=username or "", after={"minutes": settings.SIGN_IN_LOCK_MINUTES})


def note_locked_address() -> None:
    """Record that an address is locked for all accounts, once for as long as a lock lasts."""
    note_lock(None, username="")


@receiver(post_save, sender=User)
def note_change(sender: object, *, instance: User, created: bool, **kwargs: object) -> None:
    """Record a new account, a new password (never what it is), and changes of names, address and server role."""
    before, instance.noted = instance.noted, instance.noted_fields()
    after = {name: value for name, value in instance.noted.items() if created or name in before}
    if created:
        record_event(Verb.PERSON_MADE, instance, after=_auditable(after))
        return
    changed = {name for name in after if before[name] != after[name]}
    if "password" in changed and not instance.is_rehashing:
        record_event(Verb.PASSWORD_CHANGED, instance)
    if "is_active" in changed:
        record_event(Verb.PERSON_REACTIVATED if instance.is_active else Verb.PERSON_DEACTIVATED, instance)
    if changed - {"password", "is_active"}:
        record_event(Verb.PERSON_CHANGED, instance, before=_auditable(before), after=_auditable(after))


def _auditable(fields: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value and name not in ("password", "is_active")}


def _is_known_as_locked(name: str) -> bool:
    since = timezone.now() - timedelta(minutes=settings.SIGN_IN_LOCK_MINUTES)
    locks = AuditEvent.objects.filter(verb=Verb.SIGN_IN_LOCKED.value, at__gte=since)
    return locks.filter(object_name=name, address=who_acts().address).exists()
