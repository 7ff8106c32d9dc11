"""People who sign in, and the tokens of their scripts. Roles live with projects, never here."""

import hashlib
import secrets
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person; `preferences` holds locale, theme and shortcuts as the browser left them."""

    preferences = models.JSONField(default=dict, blank=True)

    class Meta(AbstractUser.Meta):
        db_table = "accounts_user"

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
