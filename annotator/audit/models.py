"""One row per event. Rows are only ever added; old ones leave all at once (services.forget_old_events)."""

from datetime import datetime
from typing import Any

from django.db import models

MAX_NAME_LENGTH = 300


class AppendOnlyError(Exception):
    """Somebody tried to change what has happened."""


class AuditQuerySet(models.QuerySet["AuditEvent"]):
    """Reads and adds; neither changes nor deletes."""

    def update(self, **kwargs: object) -> int:
        """Refuse."""
        raise AppendOnlyError("an event does not change")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Refuse; forget_older_than is the one way out."""
        raise AppendOnlyError("an event is not deleted")

    def forget_older_than(self, moment: datetime, *, at_most: int) -> int:
        """Remove the oldest events that are older than a moment; return how many went."""
        oldest = list(self.filter(at__lt=moment).order_by("at").values_list("pk", flat=True)[:at_most])
        if not oldest:
            return 0  # without a transaction, which would take SQLite's write lock
        return super(AuditQuerySet, self.filter(pk__in=oldest)).delete()[0]


class AuditEvent(models.Model):
    """What somebody did. Names are kept as they were, and no key points anywhere: a deletion leaves the row as it is.

    `changes` is {field: [from, to]}, bounded. `token_name` is set where a script acted with the person's token.
    """

    at = models.DateTimeField(auto_now_add=True)
    verb = models.CharField(max_length=40)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=150, blank=True)
    token_name = models.CharField(max_length=100, blank=True)
    address = models.CharField(max_length=45, blank=True)
    object_kind = models.CharField(max_length=20)
    object_id = models.CharField(max_length=40, blank=True)
    object_name = models.CharField(max_length=MAX_NAME_LENGTH, blank=True)
    project_id = models.BigIntegerField(null=True)
    project_name = models.CharField(max_length=200, blank=True)
    changes = models.JSONField(default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project_id", "-id"]),
            models.Index(fields=["actor_id", "-id"]),
            models.Index(fields=["verb", "-id"]),
            models.Index(fields=["at"]),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the row; an existing one is refused."""
        if not self._state.adding:
            raise AppendOnlyError("an event does not change")
        super().save(*args, **kwargs)

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        """Refuse."""
        raise AppendOnlyError("an event is not deleted")
