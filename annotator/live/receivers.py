"""Sockets end with the access of the person who opened them."""

from django.dispatch import receiver

from annotator.accounts.access_ended import access_ended
from annotator.live.hints import end_lines


@receiver(access_ended)
def close_sockets(sender: object, *, user_id: int, session_digest: str | None, **kwargs: object) -> None:
    """Close what the person has open."""
    end_lines(user_id, session_digest=session_digest)
