"""Whose account belongs to what an OpenID provider vouches for: by issuer and subject, never by a mail address.

Unknown people get an account of their own, unless OIDC_INVITED_ONLY. A link into an account (account_links.py) joins
the identity to the account of the link, or makes the invited person's account.
"""

import re
from collections.abc import Iterator
from itertools import count

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from annotator.accounts.account_links import find_link, use_up
from annotator.accounts.claims import Claims
from annotator.accounts.models import ExternalIdentity, User
from annotator.accounts.people import create_person, follow_group
from annotator.errors import ConflictError, ForbiddenError

MAX_TRIES = 50


@transaction.atomic
def sign_in_person(claims: Claims, *, link_secret: str = "") -> User:
    """Return the active person of an identity, made or joined where that is allowed; raise ForbiddenError if not."""
    _check_domain(claims)
    identity = _find(claims)
    if identity is None:
        identity = _join(claims, link_secret) if link_secret else _first_sign_in(claims)
    elif link_secret and identity.user_id != (find_link(link_secret).user_id or identity.user_id):
        raise ConflictError(_("You sign in to another account already."), code="identity_taken")
    if not identity.user.is_active:
        raise ForbiddenError(_("Your account is deactivated. Ask an administrator."), code="deactivated")
    ExternalIdentity.objects.filter(pk=identity.pk).update(last_used_at=timezone.now())
    if settings.OIDC_ADMIN_GROUP:
        follow_group(identity.user, settings.OIDC_ADMIN_GROUP in claims.groups)
    return identity.user


def _find(claims: Claims) -> ExternalIdentity | None:
    rows = ExternalIdentity.objects.select_related("user")
    return rows.filter(issuer=claims.issuer, subject=claims.subject).first()


def _first_sign_in(claims: Claims) -> ExternalIdentity:
    if settings.OIDC_INVITED_ONLY:
        raise ForbiddenError(_("There is no account for you here yet. Ask an administrator."), code="not_invited")
    return _attach(claims, _make_person(claims))


def _join(claims: Claims, secret: str) -> ExternalIdentity:
    link = find_link(secret)
    use_up(link)
    return _attach(claims, link.user or _make_person(claims))


def _attach(claims: Claims, person: User) -> ExternalIdentity:
    try:
        with transaction.atomic():
            return ExternalIdentity.objects.create(user=person, issuer=claims.issuer, subject=claims.subject)
    except IntegrityError as error:  # the same person in two tabs
        raise ConflictError(_("Signing in did not work. Try again."), code="sign_in_refused") from error


def _make_person(claims: Claims) -> User:
    name, mail = claims.name[:150], claims.email if claims.is_email_verified else ""
    for username in _usernames(claims):
        try:
            return create_person(username=username, name=name, email=mail[:254])
        except ConflictError:
            continue
    raise ConflictError(_("Signing in did not work. Try again."), code="sign_in_refused")


def _usernames(claims: Claims) -> Iterator[str]:
    wanted = (claims.preferred_username or claims.email).partition("@")[0]
    base = re.sub(r"[^\w.+-]", "", wanted)[:100] or "person"
    yield base
    for number in count(2):
        if number > MAX_TRIES:
            return
        yield f"{base}-{number}"


def _check_domain(claims: Claims) -> None:
    allowed = {domain.lower() for domain in settings.OIDC_ALLOWED_DOMAINS}
    if not allowed:
        return
    domain = claims.email.rpartition("@")[2].lower()
    if not claims.is_email_verified or domain not in allowed:
        raise ForbiddenError(_("Your mail address there does not let you in here."), code="domain_not_allowed")
