"""What this room tells whoever listens; it knows neither the queue nor the figures."""

from typing import TypedDict

from django.dispatch import Signal


class Before(TypedDict):
    """What a row held before an operation."""

    state: str
    active_ms: int


# Sent inside the transaction, after each applied operation, with image, user, row (Annotation), action
# (RevisionAction) and before (a Before, or None for a new row).
operation_applied = Signal()

# Sent after many masks were written at once, with image_ids (list of int).
masks_written = Signal()
