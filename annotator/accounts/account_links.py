"""Links into an account, each good for one use: an invitation makes one, a password link sets its password.

Only a digest is kept, like that of tokens, so the link can be shown once and a stolen database opens nothing. A link
ends at its hour, with its use, by hand, and with the access of whoever made it; a password link also when the
person's password changes or the account is deactivated.
"""

import secrets
from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.dispatch import receiver
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.access_ended import access_ended
from annotator.accounts.models import AccountLink, User
from annotator.accounts.people import create_person
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, InvalidError, MissingError

MAX_LINKS = 200
MAX_REFUSALS = 20
INVITE_DAYS, PASSWORD_DAYS = 7, 1


@transaction.atomic
def make_invite(by: User, *, note: str = "", days: int = INVITE_DAYS) -> tuple[AccountLink, str]:
    """Return a new invitation and its secret; raise ConflictError for too many."""
    if living_invites().count() >= MAX_LINKS:
        raise ConflictError(_("There are too many invitations; withdraw some first."), code="too_many_links")
    record_event(Verb.PERSON_INVITED, name=note, by=by)
    return _make(AccountLink.Kind.INVITE, by, days=days, note=note)


@transaction.atomic
def make_password_link(person: User, by: User) -> tuple[AccountLink, str]:
    """Return a new link by which a person chooses a password, and its secret; earlier ones end.

    Raises ConflictError for a deactivated account.
    """
    if not person.is_active:
        raise ConflictError(_("The account is deactivated; reactivate it first."), code="deactivated")
    living_links().filter(user=person).update(ended_at=timezone.now())
    record_event(Verb.PASSWORD_LINK, person, by=by)
    return _make(AccountLink.Kind.RESET, by, days=PASSWORD_DAYS, user=person)


def _make(kind: str, by: User, *, days: int, note: str = "", user: User | None = None) -> tuple[AccountLink, str]:
    secret = secrets.token_urlsafe(32)
    ends = timezone.now() + timedelta(days=days)
    row = AccountLink.objects.create(
        kind=kind, digest=AccountLink.digest_of(secret), created_by=by, expires_at=ends, note=note, user=user
    )
    return row, secret


def living_links() -> QuerySet[AccountLink]:
    """Return the links that still work, newest first."""
    is_by_admin = Q(created_by__is_active=True, created_by__is_superuser=True)
    rows = AccountLink.objects.filter(is_by_admin, used_at=None, ended_at=None, expires_at__gt=timezone.now())
    return rows.filter(refusals__lt=MAX_REFUSALS).select_related("created_by", "user")


def living_invites() -> QuerySet[AccountLink]:
    """Return the invitations that still work, newest first."""
    return living_links().filter(kind=AccountLink.Kind.INVITE)


@transaction.atomic
def end_invite(invite_id: int) -> None:
    """Withdraw an invitation; raise MissingError when there is none that works."""
    row = living_invites().filter(pk=invite_id).first()
    if row is None:
        raise MissingError(_("There is no such invitation."))
    AccountLink.objects.filter(pk=row.pk, ended_at=None).update(ended_at=timezone.now())
    record_event(Verb.INVITE_WITHDRAWN, name=row.note)


def find_link(secret: str) -> AccountLink:
    """Return the link of a secret; raise MissingError for one that is over, used, or never was."""
    row = living_links().filter(digest=AccountLink.digest_of(secret)).first()
    if row is None or (row.user is not None and not row.user.is_active):
        raise MissingError(_("The link does not work any more. Ask for another one."), code="link_over")
    return row


def accept_invite(link: AccountLink, *, username: str, name: str, password: str) -> User:
    """Make the invited person's account; raise MissingError when somebody else was faster, else as create_person."""
    _check_password(password, User(username=username, first_name=name))
    try:
        with transaction.atomic():
            use_up(link)
            return create_person(username=username, name=name, password=password)
    except ConflictError:
        AccountLink.objects.filter(pk=link.pk).update(refusals=F("refusals") + 1)
        raise


@transaction.atomic
def choose_password(link: AccountLink, *, password: str) -> User:
    """Set the password of the link's person, which ends all that hung on the one before."""
    person = User.objects.select_for_update(no_key=True).get(pk=link.user_id or 0)
    _check_password(password, person)
    use_up(link)
    person.set_password(password)
    person.save(update_fields=["password"])
    return person


def use_up(link: AccountLink) -> None:
    """Note that a link is used; raise MissingError when somebody else was faster."""
    if not AccountLink.objects.filter(pk=link.pk, used_at=None, ended_at=None).update(used_at=timezone.now()):
        raise MissingError(_("The link does not work any more. Ask for another one."), code="link_over")


def _check_password(password: str, person: User) -> None:
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidError(" ".join(error.messages), code="bad_password") from error


@receiver(access_ended)
def end_links_of(sender: object, *, user_id: int, session_digest: str | None, **kwargs: object) -> None:
    """End the links that a person made or could use once the password changed or the account was closed."""
    if session_digest is None:
        theirs = Q(created_by=user_id) | Q(user=user_id)
        AccountLink.objects.filter(theirs, used_at=None, ended_at=None).update(ended_at=timezone.now())
