"""What hangs on a person ends with the person's access: tokens, open sockets, links (each room ends its own).

A new password or a deactivated account ends all of it, by whichever way they came: page, command or shell.
"""

import hashlib

from django.contrib.auth.signals import user_logged_out
from django.db.models import F
from django.db.models.signals import post_save
from django.dispatch import Signal, receiver
from django.http import HttpRequest
from django.utils import timezone

from annotator.accounts.models import ApiToken, User
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb

# Sent with user_id, and with session_digest where only one browser was signed out.
access_ended = Signal()


def session_digest(session_key: str | None) -> str:
    """Return what may be said of a session between processes: never its key."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()


@receiver(post_save, sender=User)
def end_after_change(sender: object, *, instance: User, created: bool, **kwargs: object) -> None:
    """End everything of a person whose password changed or whose account was closed."""
    before, instance.credentials = instance.credentials, instance.current_credentials()
    if created or before == instance.credentials or instance.is_rehashing:
        return
    if before[1] and not instance.is_active:
        User.objects.filter(pk=instance.pk).update(closings=F("closings") + 1)
        instance.refresh_from_db(fields=["closings"])
    for token in ApiToken.objects.filter(user=instance, revoked_at=None):
        record_event(Verb.TOKEN_REVOKED, token, name=token.name, after={"because": "password or account changed"})
    ApiToken.objects.filter(user=instance, revoked_at=None).update(revoked_at=timezone.now())
    access_ended.send(sender=User, user_id=instance.pk, session_digest=None)


@receiver(user_logged_out)
def end_after_sign_out(sender: object, *, request: HttpRequest, user: User | None, **kwargs: object) -> None:
    """End what the browser that signs out has open."""
    if user is not None:
        digest = session_digest(request.session.session_key)
        access_ended.send(sender=User, user_id=user.pk, session_digest=digest)
