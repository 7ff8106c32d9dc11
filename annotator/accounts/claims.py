"""What an OpenID provider vouches for, read once from its claims. Source: OpenID Connect Core 1.0, section 5.1."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, kw_only=True)
class Claims:
    """One person at the provider; texts are empty where it says nothing. `groups` are those of OIDC_GROUPS_CLAIM."""

    issuer: str
    subject: str
    name: str = ""
    preferred_username: str = ""
    email: str = ""
    is_email_verified: bool = False
    groups: tuple[str, ...] = ()


def read_claims(claims: Mapping[str, object]) -> Claims:
    """Return what the claims of an ID token and of the user info say; raise KeyError without issuer or subject."""
    return Claims(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        name=str(claims.get("name") or ""),
        preferred_username=str(claims.get("preferred_username") or ""),
        email=str(claims.get("email") or ""),
        is_email_verified=claims.get("email_verified") is True,
        groups=_read_groups(claims.get(settings.OIDC_GROUPS_CLAIM)),
    )


def _read_groups(groups: object) -> tuple[str, ...]:
    if isinstance(groups, str):
        return (groups,) if groups else ()
    return tuple(group for group in groups if isinstance(group, str)) if isinstance(groups, list | tuple) else ()
