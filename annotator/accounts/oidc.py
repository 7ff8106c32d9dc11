"""Signing in at the one OpenID provider of the settings: authorisation code with PKCE, by Authlib.

Checked are state, nonce, signature (asymmetric algorithms only), issuer, audience and time of the ID token, that the
discovery document is the issuer's own, and that the user info is of the same subject. Source: OpenID Connect Core 1.0
and Discovery 1.0. Whose account it is decides external_people.py.
"""

import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol, cast
from urllib.parse import urlsplit

from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import OAuth
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from joserfc.errors import JoseError
from requests import RequestException

from annotator.accounts.claims import Claims, read_claims
from annotator.errors import ForbiddenError, UnavailableError

logger = logging.getLogger("annotator.sign_in")
SAFE_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
TIMEOUT_SECONDS = 10
LEEWAY_SECONDS = 60
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class ProviderClient(Protocol):
    """What is used of Authlib's client, which has no types."""

    name: str
    server_metadata: dict[str, object]

    def load_server_metadata(self) -> dict[str, object]:
        """Read the provider's discovery document."""

    def create_authorization_url(self, redirect_uri: str) -> dict[str, str]:
        """Return the address to send the browser to, with its state, nonce and code verifier."""

    def save_authorize_data(self, request: HttpRequest, **data: object) -> None:
        """Remember the attempt in the browser's session."""

    def authorize_access_token(self, request: HttpRequest, **options: object) -> Mapping[str, object]:
        """Return the checked tokens of an attempt, with the ID token's claims as `userinfo`."""

    def userinfo(self, *, token: Mapping[str, object]) -> Mapping[str, object]:
        """Return what the user info endpoint says."""


class Signed(NamedTuple):
    """What the provider vouches for, and what the browser had come for (`next`, or the secret of a link)."""

    claims: Claims
    purpose: dict[str, str]


def is_configured() -> bool:
    """Say whether people can sign in at a provider."""
    return bool(settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID and settings.OIDC_CLIENT_SECRET)


def provider_name() -> str:
    """Return what the provider is called on the sign-in page."""
    return settings.OIDC_NAME or urlsplit(settings.OIDC_ISSUER).hostname or ""


def is_sheltered(address: str) -> bool:
    """Say whether an address is https, or on this machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def begin(request: HttpRequest, *, redirect_uri: str, purpose: dict[str, str]) -> str:
    """Remember a new attempt in the browser's session and return the provider's address for it."""
    client = _client()
    try:
        _load_metadata(client)
        made = client.create_authorization_url(redirect_uri)
    except (RequestException, ValueError) as error:
        raise _no_answer(error) from error
    client.save_authorize_data(request, redirect_uri=redirect_uri, purpose=purpose, **made)
    return str(made["url"])


def finish(request: HttpRequest) -> Signed:
    """Return what the provider vouches for; raise ForbiddenError for whatever does not fit the attempt."""
    client, state = _client(), request.GET.get("state", "")
    kept = request.session.get(f"_state_{client.name}_{state}") or {}
    if kept.get("exp", 0) < time.time():
        raise _refusal()
    try:
        _load_metadata(client)
        token = client.authorize_access_token(request, claims_options=_wanted_claims(), leeway=LEEWAY_SECONDS)
        claims = read_claims(_with_user_info(client, token))
    except RequestException as error:
        client.server_metadata.clear()
        raise _no_answer(error) from error
    except (OAuthError, JoseError, ValueError, KeyError, TypeError) as error:
        client.server_metadata.clear()  # another try reads the keys again
        logger.warning("a sign-in at the provider was refused", extra={"reason": f"{type(error).__name__}: {error}"})
        raise _refusal() from error
    return Signed(claims, kept["data"]["purpose"])


def _with_user_info(client: ProviderClient, token: Mapping[str, object]) -> dict[str, object]:
    claims = dict(cast("Mapping[str, object]", token["userinfo"]))
    if client.server_metadata.get("userinfo_endpoint"):
        # Without its lifetime, as Authlib takes a token of 60 seconds for spent.
        access = {"access_token": token["access_token"], "token_type": "Bearer"}
        more = dict(client.userinfo(token=access))
        if more.get("sub") != claims["sub"]:
            raise ValueError("the user info is of somebody else")
        claims = {**more, **claims}
    return claims


def _wanted_claims() -> dict[str, dict[str, object]]:
    return {
        "iss": {"essential": True, "value": settings.OIDC_ISSUER},
        "aud": {"essential": True, "value": settings.OIDC_CLIENT_ID},
    }


def _load_metadata(client: ProviderClient) -> None:
    """Read the discovery document once; raise ValueError for one that is not the issuer's own or not safe."""
    if "_loaded_at" in client.server_metadata:
        return
    try:
        metadata = client.load_server_metadata()
        offered = cast("list[str]", metadata.get("id_token_signing_alg_values_supported") or ["RS256"])
        metadata["id_token_signing_alg_values_supported"] = [name for name in offered if name in SAFE_ALGORITHMS]
        places = [cast("str", metadata[name]) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        if metadata["issuer"] != settings.OIDC_ISSUER or not all(map(is_sheltered, places)):
            raise ValueError("the discovery document is not that of OIDC_ISSUER")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        client.server_metadata.clear()
        raise ValueError("the discovery document cannot be used") from error


def _client() -> ProviderClient:
    if not is_configured() or not is_sheltered(settings.OIDC_ISSUER):
        raise UnavailableError(_("Signing in elsewhere is not set up here."), code="not_configured")
    return _make_client(settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET)


@lru_cache(maxsize=4)
def _make_client(issuer: str, client_id: str, secret: str) -> ProviderClient:
    client: ProviderClient = OAuth().register(
        "oidc",
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_SECONDS,
        },
    )
    return client


def _refusal() -> ForbiddenError:
    return ForbiddenError(_("Signing in did not work. Try again."), code="sign_in_refused")


def _no_answer(error: Exception) -> UnavailableError:
    logger.warning("the OpenID provider cannot be used", extra={"reason": f"{type(error).__name__}: {error}"})
    return UnavailableError(_("The service at which you sign in does not answer. Try again in a moment."))
