"""The sign-in of people whom an OpenID provider knows (oidc.py): no password opens it."""

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

OPEN_ID_BACKEND = "annotator.accounts.backends.OpenIdBackend"


class OpenIdBackend(ModelBackend):
    """Keeps people signed in, as long as their account is active and the provider is configured."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: object
    ) -> None:
        """Let nobody in by a password."""
