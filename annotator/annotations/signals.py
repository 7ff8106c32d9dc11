"""What this room tells whoever listens; it knows neither the queue nor the figures."""

from django.dispatch import Signal

# Sent inside the transaction, after each applied operation, with image, user, row (Annotation), action
# (RevisionAction) and before ({"state", "active_ms"} of the row, or None for a new one).
operation_applied = Signal()
