"""People who sign in, and the tokens of their scripts. Roles live with projects, never here."""

import hashlib
import secrets
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac

# Django's own, so that whoever is signed in stays so as long as nothing was closed.
SESSION_SALT = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"

NOTED_FIELDS = ("username", "first_name", "last_name", "email", "is_superuser", "is_active", "password")


class User(AbstractUser):
    """A person; `preferences` holds locale, theme and shortcuts as the browser left them."""

    is_rehashing = False

    preferences = models.JSONField(default=dict, blank=True)
    closings = models.PositiveIntegerField(default=0, editable=False)  # how often the account was deactivated

    class Meta(AbstractUser.Meta):
        db_table = "accounts_user"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.credentials = self.current_credentials()
        self.noted = self.noted_fields()

    def check_password(self, raw_password: str | None) -> bool:
        """Say whether the password is right; a stronger hash that Django stores meanwhile is no change of it."""
        self.is_rehashing = True
        try:
            return super().check_password(raw_password)
        finally:
            self.is_rehashing = False

    def current_credentials(self) -> tuple[object, object]:
        """Return what a sign-in rests on; when it changes, access ends (access_ended.py)."""
        return self.__dict__.get("password"), self.__dict__.get("is_active")

    def noted_fields(self) -> dict[str, object]:
        """Return the fields whose changes the audit log tells (people_events.py), as far as they are loaded."""
        return {name: self.__dict__[name] for name in NOTED_FIELDS if name in self.__dict__}

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Tie sessions to the password and to `closings`: those of before a deactivation never come back."""
        made_of = f"{self.password}{self.closings or ''}"
        return salted_hmac(SESSION_SALT, made_of, secret=secret, algorithm="sha256").hexdigest()

    @property
    def display_name(self) -> str:
        """Return the full name, or the user name where there is none."""
        return self.get_full_name() or self.username


class TokenScope(models.TextChoices):
    """What a script may do with a token; never more than its owner may."""

    READ = "read"
    EXPORT = "export"
    WRITE = "write"


class ApiToken(models.Model):
    """A bearer token for scripts; only its SHA-256 is stored, so a stolen database signs nobody in."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=6, choices=TokenScope.choices, default=TokenScope.WRITE)
    expires_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} of {self.user_id}"

    @staticmethod
    def digest_of(token: str) -> str:
        """Return the stored form of a token."""
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def issue(
        cls, user: User, *, name: str, scope: str = TokenScope.WRITE, expires_at: datetime | None = None
    ) -> tuple["ApiToken", str]:
        """Make a token and return it with its only readable form."""
        plain = f"mw_{secrets.token_urlsafe(32)}"
        digest = cls.digest_of(plain)
        return cls.objects.create(user=user, name=name, digest=digest, scope=scope, expires_at=expires_at), plain


class OneUseLink(models.Model):
    """An address that works once, until `expires_at`; only the SHA-256 of its secret is stored.

    `ended_at` is set when a link ends earlier. What a link is for, each kind of link says itself.
    """

    digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"link {self.pk}"

    @staticmethod
    def digest_of(secret: str) -> str:
        """Return the stored form of a link's secret."""
        return hashlib.sha256(secret.encode()).hexdigest()


class AccountLink(OneUseLink):
    """A link that lets its holder into an account.

    An invitation makes an account; a password link lets `user` choose a password. `refusals` counts the names that
    were taken, so that an invitation is no list of names.
    """

    class Kind(models.TextChoices):
        """What a link is for."""

        INVITE = "invite"
        RESET = "reset"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="account_links")
    note = models.CharField(max_length=200, blank=True)
    refusals = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.kind} link {self.pk}"


class ExternalIdentity(models.Model):
    """Who a person is at an OpenID provider. `subject` is the provider's own name of them and never changes."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_once")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
