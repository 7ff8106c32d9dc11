"""A person's own tokens for scripts. Made and revoked in the browser only: a token cannot make another."""

from datetime import datetime, timedelta
from typing import Annotated

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import Field, StringConstraints

from annotator.accounts.authentication import SessionCookieAuth, user_of
from annotator.accounts.models import ApiToken, TokenScope
from annotator.audit.services import record_event
from annotator.audit.verbs import Verb
from annotator.errors import ConflictError, MissingError

router = Router(tags=["account"], auth=SessionCookieAuth())
MAX_TOKENS = 50
DEFAULT_DAYS = 90


class TokenIn(Schema):
    """A new token; without days it lasts 90, 3650 at most."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
    scope: TokenScope = TokenScope.EXPORT
    days: int = Field(default=DEFAULT_DAYS, ge=1, le=3650)


class TokenOut(Schema):
    """A token without its secret."""

    id: int
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """A new token; `token` is shown this once and stored nowhere."""

    token: str


@router.get("/me/tokens", response=list[TokenOut])
def list_tokens(request: HttpRequest) -> list[ApiToken]:
    """Return the caller's tokens that are not revoked, newest first."""
    return list(ApiToken.objects.filter(user=user_of(request), revoked_at=None).order_by("-created_at", "-pk"))


@router.post("/me/tokens", response={201: NewTokenOut})
def create_token(request: HttpRequest, body: TokenIn) -> Status[dict[str, object]]:
    """Make a token; its secret is in this answer and nowhere else."""
    user = user_of(request)
    if ApiToken.objects.filter(user=user, revoked_at=None).count() >= MAX_TOKENS:
        raise ConflictError(
            _("You have %(max_tokens)s tokens; revoke one first.") % {"max_tokens": MAX_TOKENS}, code="too_many_tokens"
        )
    expires_at = timezone.now() + timedelta(days=body.days)
    with transaction.atomic():
        row, plain = ApiToken.issue(user, name=body.name, scope=body.scope, expires_at=expires_at)
        told = {"scope": str(row.scope), "expires_at": expires_at}
        record_event(Verb.TOKEN_MADE, row, name=row.name, after=told)
    return Status(201, {**TokenOut.from_orm(row).dict(), "token": plain})


@router.delete("/me/tokens/{int:token_id}", response={204: None})
def revoke_token(request: HttpRequest, token_id: int) -> Status[None]:
    """Revoke a token at once."""
    mine = ApiToken.objects.filter(pk=token_id, user=user_of(request), revoked_at=None)
    with transaction.atomic():
        row = mine.first()
        if row is None or not mine.update(revoked_at=timezone.now()):
            raise MissingError(_("There is no such token."))
        record_event(Verb.TOKEN_REVOKED, row, name=row.name)
    return Status(204, None)
